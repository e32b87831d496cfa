"""``python -m bff``."""

from bff.settings import GatewaySettings
from shared.serving.program import main

if __name__ == "__main__":
    main("api-gateway", GatewaySettings, "bff.app:create_app")
