"""``python -m services.users``."""

from services.users.settings import SERVICE, UserSettings
from shared.serving.program import main

if __name__ == "__main__":
    main(SERVICE, UserSettings, "services.users.app:create_app")
