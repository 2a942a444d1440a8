"""The ASGI gateway: a Python application on an event loop (ASGI 3)."""
