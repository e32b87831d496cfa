"""``python -m services.products``."""

from services.products.settings import SERVICE, ProductSettings
from shared.serving.program import main

if __name__ == "__main__":
    main(SERVICE, ProductSettings, "services.products.app:create_app")
