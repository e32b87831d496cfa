"""The system as plain processes: what decides, what keeps and ends processes, and the command itself."""
