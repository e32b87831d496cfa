"""The product service: what can be bought."""
