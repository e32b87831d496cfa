"""Events by which services tell what has changed, as CloudEvents 1.0 has them."""
