"""``python -m services.orders``."""

from services.orders.settings import SERVICE
from shared.serving.program import main

if __name__ == "__main__":
    main(SERVICE, "services.orders.settings:OrderSettings", "services.orders.app:create_app")
