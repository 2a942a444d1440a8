"""What answers a WebSocket: a chat room, an echo, a crowd."""

from __future__ import annotations

from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer, AsyncWebsocketConsumer


class Chat(AsyncJsonWebsocketConsumer):
    """What one says in a room, all in it hear: ``{"message": text}`` both ways."""

    async def connect(self) -> None:
        self._room = f"room-{self.scope['url_route']['kwargs']['room']}"
        await self.channel_layer.group_add(self._room, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self._room, self.channel_name)

    async def receive_json(self, content: dict[str, Any], **kwargs: object) -> None:
        await self.channel_layer.group_send(self._room, {"type": "said", "message": content["message"]})

    async def said(self, event: dict[str, Any]) -> None:
        """Somebody in the room has spoken."""
        await self.send_json({"message": event["message"]})


class Echo(AsyncWebsocketConsumer):
    """Says what it hears, text or bytes."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data=text_data, bytes_data=bytes_data)


class Crowd(AsyncWebsocketConsumer):
    """What one says, all who are connected hear."""

    groups = ("crowd",)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.channel_layer.group_send("crowd", {"type": "said", "text": text_data})

    async def said(self, event: dict[str, Any]) -> None:
        """Somebody has spoken."""
        await self.send(text_data=event["text"])
