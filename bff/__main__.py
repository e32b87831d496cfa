"""``python -m bff``."""

from bff.settings import GatewaySettings
from shared.server import main

if __name__ == "__main__":
    main("api-gateway", GatewaySettings, "bff.app:create_app")
