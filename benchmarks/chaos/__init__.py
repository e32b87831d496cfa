"""The whole system under steady load while its parts are killed, stopped, slowed down, made to err and cut off.

``python -m benchmarks.chaos`` runs it; ``slo.toml`` says what must hold.
"""
