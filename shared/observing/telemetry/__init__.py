"""Spans for an OpenTelemetry collector: what is traced, and the one module that imports OpenTelemetry.

Spans are put round things when an app is built, and only where traces are sent: nothing here is in the way otherwise.
"""
