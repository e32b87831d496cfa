"""The engine of parts: how each is obtained when its service answers, and when it does not."""
