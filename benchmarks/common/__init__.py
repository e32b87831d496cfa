"""What the benchmarks share: processes of the system on free ports, a client, and what an answer is worth."""
