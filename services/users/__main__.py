"""``python -m services.users``."""

from services.users.settings import SERVICE
from shared.serving.program import main

if __name__ == "__main__":
    main(SERVICE, "services.users.settings:UserSettings", "services.users.app:create_app")
