"""What Prometheus and Grafana are told to do: that it is well formed, complete, and finds the metrics it asks for."""
