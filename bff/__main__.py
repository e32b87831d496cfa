"""``python -m bff``."""

from shared.serving.program import main

if __name__ == "__main__":
    main("api-gateway", "bff.settings:GatewaySettings", "bff.app:create_app")
