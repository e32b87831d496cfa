"""The pieces on a request's way, each timed by itself with pyperf, by hand: ``python -m benchmarks.micro``."""
