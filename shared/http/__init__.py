"""HTTP as a server speaks it: connections, strict heads, early answers, routes, exchanges and problems."""
