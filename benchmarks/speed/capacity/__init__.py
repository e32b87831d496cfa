"""Capacity: what a worker gives and each further one adds, what a user in memory takes, what so many users need.

The last is what the model of ``benchmarks.scale`` says of costs that are measured here, once it has been held against a
real run.
"""
