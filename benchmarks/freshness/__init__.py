"""How soon a change is seen in another gateway, and that nothing old comes back when Redis fails.

``python -m benchmarks.freshness`` runs it.
"""
