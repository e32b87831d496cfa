"""The runtime kit under every app: settings, serving, logs, metrics, cache and upstream calls."""

__version__ = "0.1.0"
