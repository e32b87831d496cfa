"""What the gateway knows of the services: one file each, with its address, its shapes and its parts."""
