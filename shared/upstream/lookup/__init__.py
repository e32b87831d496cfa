"""Where the instances of a service are: what its address says, and what names have, looked up in the background."""
