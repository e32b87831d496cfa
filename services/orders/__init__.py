"""The order service: what was bought, by whom and for how much."""
