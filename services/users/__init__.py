"""The user service: who the customers are."""
