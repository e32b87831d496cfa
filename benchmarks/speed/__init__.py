"""How fast the gateway is on this machine: its own scenarios beside bare servers that do no more than they must.

``python -m benchmarks.speed`` runs it; docs/performance.md tells how to read what it says.
"""
