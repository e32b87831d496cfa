"""Parts of aggregates: what they are, and how each is come by when its service answers and when it does not."""
