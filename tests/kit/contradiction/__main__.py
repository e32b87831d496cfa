"""``python -m tests.kit.contradiction``."""

from shared.server import main
from shared.settings import Settings

if __name__ == "__main__":
    main("contradiction", Settings, "tests.kit.contradiction.app:create_app")
