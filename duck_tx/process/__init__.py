"""The process room: ports, signals, metadata, and the order in which things start and stop."""
