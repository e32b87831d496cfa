"""What live streams cost and how soon they tell, with a thousand of them on one worker.

``python -m benchmarks.streams`` runs it; docs/benchmarks.md tells how to read what it says.
"""
