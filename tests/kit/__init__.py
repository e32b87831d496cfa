"""The runtime kit on real sockets, with a small app of its own."""
