"""``python -m tests.kit.contradiction``."""

from shared.serving.program import main
from shared.settings.declared import Settings

if __name__ == "__main__":
    main("contradiction", Settings, "tests.kit.contradiction.app:create_app")
