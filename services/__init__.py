"""The three sample services behind the gateway: users, orders and products, each with a database of its own."""
