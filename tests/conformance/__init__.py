"""Streams as ``docs/streams.md`` specifies them, checked from outside: any implementation can be asked."""
