"""The gateway: a Backend for Frontend that aggregates several services for web and mobile clients."""
