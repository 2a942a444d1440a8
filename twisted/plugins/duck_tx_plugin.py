"""The twistd command ``duck``: all that Twisted imports to list it; the rest is loaded when it is chosen."""

from __future__ import annotations

from twisted.application.service import ServiceMaker

duck = ServiceMaker(
    "duck",
    "duck_tx.tap",
    "A web server for a Django site: HTTP, static and media files, and Django itself.",
    "duck",
)
