"""How the gateway grows: a model of traffic, cache and costs, from a thousand daily users to ten million.

``python -m benchmarks.scale``; docs/scaling.md tells what it says.
"""
