"""What is deployed: the Helm chart and the units of systemd."""
