"""Several gateways and instances of services, each on a host of its own, while hosts, names and ways fail.

``python -m benchmarks.chaos --hosts`` runs it. A host is a network namespace on a bridge that nothing else is on. All
of it ends with the process that made it, however that ends.
"""
