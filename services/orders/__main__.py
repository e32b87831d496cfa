"""``python -m services.orders``."""

from services.orders.settings import SERVICE, OrderSettings
from shared.serving.program import main

if __name__ == "__main__":
    main(SERVICE, OrderSettings, "services.orders.app:create_app")
