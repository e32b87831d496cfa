"""``python -m services.products``."""

from services.products.settings import SERVICE
from shared.serving.program import main

if __name__ == "__main__":
    main(SERVICE, "services.products.settings:ProductSettings", "services.products.app:create_app")
