"""Whole apps and systems over real sockets."""
