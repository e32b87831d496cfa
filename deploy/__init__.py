"""What brings the system up, as plain processes (`local`) or in containers (`docker`), and keeps it busy (`demo`)."""
