"""Bare servers on the gateway's own stack that do no more than the scenario needs: nothing built on it is faster."""
