"""Processes under load, while what they stand on fails, and what is left of it afterwards."""
