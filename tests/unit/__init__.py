"""Units of the kit and the gateway."""
