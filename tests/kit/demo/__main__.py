"""``python -m tests.kit.demo``."""

from shared.serving.program import main

if __name__ == "__main__":
    main("demo", "shared.settings.declared:Settings", "tests.kit.demo.app:create_app")
