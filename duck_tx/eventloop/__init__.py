"""Event loops of asyncio beside the reactor, or turned by it, and the way between their threads."""
