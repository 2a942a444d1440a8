"""duck_tx measured beside other servers: same Django project, same run. ``python -m benchmarks``."""
