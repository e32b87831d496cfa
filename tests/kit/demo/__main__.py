"""``python -m tests.kit.demo``."""

from shared.serving.program import main
from shared.settings.declared import Settings

if __name__ == "__main__":
    main("demo", Settings, "tests.kit.demo.app:create_app")
