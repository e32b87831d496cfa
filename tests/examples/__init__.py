"""The examples of the documentation, done as written."""
