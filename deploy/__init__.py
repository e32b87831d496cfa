"""What brings the system up: as plain processes (`local`) and in containers (`docker`)."""
