"""``python -m tests.kit.demo``."""

from shared.server import main
from shared.settings import Settings

if __name__ == "__main__":
    main("demo", Settings, "tests.kit.demo.app:create_app")
