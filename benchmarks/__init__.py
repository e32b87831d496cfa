"""What the system does under conditions that no test can promise: figures, and bounds for them."""
