"""What becomes of events by which services tell what has changed."""
