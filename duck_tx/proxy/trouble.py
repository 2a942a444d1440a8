"""What goes wrong between the proxy and a server, in words for the log, with the status that tells the client."""

from __future__ import annotations

import os
from typing import NamedTuple

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet import error
from twisted.python.failure import Failure

__all__ = ["Trouble", "not_connected", "why_lost"]


class Trouble(NamedTuple):
    """Why there is no response, or not all of one.

    ``status`` is what the client gets if it has got nothing yet: 502, 503 or 504.  ``timed_out``: the server was too
    slow.  ``is_ours``: the server is not to blame.
    """

    why: str
    status: int = 502
    timed_out: bool = False
    is_ours: bool = False


def not_connected(reason: Failure) -> Trouble:
    """Why a connection could not be made."""
    value = reason.value
    if isinstance(value, error.ConnectionRefusedError):
        return Trouble("the connection was refused")
    if isinstance(value, (error.TimeoutError, error.TCPTimedOutError)):
        return Trouble("the connection was not made in time", 504, timed_out=True)
    if isinstance(value, error.DNSLookupError):
        return Trouble("its name has no address")
    if isinstance(value, (error.ConnectionDone, error.ConnectionLost)):
        return Trouble("it closed the connection before TLS was agreed on")
    if isinstance(value, error.ConnectError) and value.osError:
        return Trouble(f"the connection was not made ({os.strerror(value.osError)})")
    return Trouble(_tls(value) or f"the connection was not made ({_text(value)})")


def why_lost(reason: Failure) -> str:
    """How a connection ended."""
    value = reason.value
    if isinstance(value, error.ConnectionDone):
        return "it closed the connection"
    return _tls(value) or "the connection broke"


def _tls(value: object) -> str:
    if isinstance(value, VerificationError):
        return "its certificate is for another name"
    if isinstance(value, SSL.Error):
        parts = value.args[0] if value.args else ()
        reasons = [str(part[-1]) for part in parts] if isinstance(parts, (list, tuple)) else [str(parts)]
        if "certificate verify failed" in reasons:
            return "its certificate is out of date, or signed by nobody who is trusted here (ca_file says who is)"
        return f"TLS failed ({'; '.join(reasons) or 'no reason given'})"
    return ""


def _text(value: object) -> str:
    return " ".join(str(value).split()) or type(value).__name__
