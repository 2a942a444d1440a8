"""The limits and deadlines of one WebSocket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duck_tx.settings import WebSocketSettings

__all__ = ["WebSocketLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketLimits:
    """What one WebSocket may use; the defaults are those of the ``websocket`` section of the settings.

    Times in seconds, sizes in bytes.

    :ivar max_message: longest message of the client's, after it is decompressed.
    :ivar max_queue: how much may wait for a client that does not read; the message that comes when it is more is one
        too many.
    :ivar ping_interval: silence of the client after which it is asked for a sign of life; 0: never.
    :ivar ping_timeout: how long it may take to give one.
    :ivar close_timeout: how long it may take to answer a close, and to hang up.
    :ivar compression: whether messages are compressed if the client can do that.
    :ivar compression_window: base-2 logarithm of the bytes that are looked back on for what was sent before.
    :ivar compression_takeover: whether these are kept from one message to the next, and with them some memory.
    """

    max_message: int = 1_048_576
    max_queue: int = 1_048_576
    ping_interval: float = 20.0
    ping_timeout: float = 20.0
    close_timeout: float = 5.0
    compression: bool = True
    compression_window: int = 12
    compression_takeover: bool = True

    @classmethod
    def of(cls, settings: WebSocketSettings) -> WebSocketLimits:
        """Those that the settings say."""
        return cls(**{name: getattr(settings, name) for name in cls.__slots__})
