"""What each service promises the gateway."""
