"""nginx and HAProxy before the gateway, with the configurations of docs/edge."""
