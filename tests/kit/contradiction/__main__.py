"""``python -m tests.kit.contradiction``."""

from shared.serving.program import main

if __name__ == "__main__":
    main("contradiction", "shared.settings.declared:Settings", "tests.kit.contradiction.app:create_app")
