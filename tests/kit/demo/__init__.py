"""A small program of the kit."""
