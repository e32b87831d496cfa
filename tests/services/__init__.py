"""The three services, on SQLite and on PostgreSQL."""
