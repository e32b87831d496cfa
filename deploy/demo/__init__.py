"""A little mixed traffic, all the time, so that every dashboard has something to show.

`python -m deploy.demo --gateway http://127.0.0.1:8000` sends it until it is told to end; start_with_monitoring.sh
runs that as a component with `--demo`, docker-compose.yml with the profile `demo`.
"""
