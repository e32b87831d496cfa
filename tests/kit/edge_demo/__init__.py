"""A program with the settings of the edge, for tests of its processes."""
