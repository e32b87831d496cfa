"""Typed settings out of the environment."""
