"""The gateway: the bridge from a request to a Python application."""
