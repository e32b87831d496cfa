"""A two-tier cache: Redis primary, memory fallback. It knows keys, entries and loaders, and nothing of HTTP."""
