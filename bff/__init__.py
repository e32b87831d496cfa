"""The gateway: puts profiles together from three services, for web and mobile clients."""
