"""A program whose app declares a route twice."""
