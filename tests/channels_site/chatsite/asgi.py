"""The ASGI application of the chat: its WebSockets, and its pages where a server asks for them this way."""

from __future__ import annotations

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")

# Before the consumers are imported: they may import models, which are there only now.
_pages = get_asgi_application()

from rooms.consumers import Chat, Crowd, Echo  # noqa: E402

_sockets = URLRouter(
    [
        path("ws/chat/<slug:room>", AuthMiddlewareStack(Chat.as_asgi())),
        path("ws/crowd", Crowd.as_asgi()),
        path("ws/echo", Echo.as_asgi()),
    ]
)

application = ProtocolTypeRouter({"http": _pages, "websocket": AllowedHostsOriginValidator(_sockets)})
