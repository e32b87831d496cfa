"""The sample data: a few named rows, and as many generated ones as make load and dashboards real.

The same rows come out on every machine and every Python. Whoever changes any of them raises ``VERSION``.
"""

VERSION = 1
