"""A conversation with a certificate authority."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any, TypeVar, cast

import josepy
import requests
from acme import errors, messages
from acme.client import ClientNetwork, ClientV2
from josepy.errors import DeserializationError

import duck_tx
from duck_tx.https.acme.errand import Pause
from duck_tx.https.acme.failure import Unreachable
from duck_tx.https.acme.wanted import Wanted

__all__ = ["Network", "connect", "decoded", "seconds_to_wait"]

M = TypeVar("M", bound=josepy.JSONDeSerializable)

_TIMEOUT = 30
"""Seconds to wait for a connection, and for each answer."""

_NONCES = 10
"""How often a request is sent again, with another nonce, before that is an error."""


class Network(ClientNetwork):
    """The library's, which can be given up, and is patient with nonces.

    :param pause: raises when the work is given up.
    :ivar host: what messages call the authority.
    :ivar retry_after: seconds to wait that the last response asked for.
    :ivar status: of the last response.
    """

    def __init__(self, wanted: Wanted, pause: Pause, key: josepy.JWK | None = None) -> None:
        super().__init__(
            key,
            alg=josepy.ES256,
            # It is handed on to ``requests``, which takes a file of certificates as well.
            verify_ssl=cast(bool, True if wanted.ca_file is None else str(wanted.ca_file)),
            user_agent=f"duck_tx/{duck_tx.__version__}",
            timeout=_TIMEOUT,
        )
        self.host = wanted.host
        self.retry_after: float | None = None
        self.status: int | None = None
        self._pause = pause
        self.session.hooks["response"].append(self._responded)

    def _responded(self, response: requests.Response, **_: object) -> None:
        self.retry_after, self.status = seconds_to_wait(response), response.status_code
        self._pause(0)

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a signed request.  A nonce that is refused (RFC 8555 6.5) is replaced; the library does so only once.

        :raises messages.Error: as the authority says.
        """
        self._pause(0)
        for _ in range(_NONCES - 1):
            try:
                return super().post(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return super().post(*args, **kwargs)


def connect(wanted: Wanted, network: Network) -> ClientV2:
    """Ask for the directory.

    :raises Unreachable: if there is none at the URL; what goes wrong on the way there is raised as the library does.
    """
    try:
        directory = ClientV2.get_directory(wanted.authority, network)
        for field in ("newNonce", "newAccount", "newOrder"):
            directory[field]
    except (KeyError, TypeError, AttributeError):
        raise _no_directory(wanted) from None
    except errors.ClientError:
        if network.status is None or network.status >= 500:
            raise
        raise _no_directory(wanted) from None
    return ClientV2(directory, network)


def decoded(kind: type[M], response: requests.Response, *fields: str) -> M:
    """A message of the authority.

    :param fields: what the library takes for optional, and is not.
    :raises DeserializationError: if it is none, whatever it is instead.
    """
    try:
        found = kind.from_json(response.json())
        if all(getattr(found, name) is not None for name in fields):
            return found
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise DeserializationError(f"no {kind.__name__} at {response.url}") from error
    raise DeserializationError(f"not all of a {kind.__name__} at {response.url}")


def _no_directory(wanted: Wanted) -> Unreachable:
    return Unreachable(f"{wanted.authority} is no ACME directory; mend https.acme.directory")


def seconds_to_wait(response: requests.Response) -> float | None:
    """What a response says in Retry-After (RFC 9110 10.2.3), as seconds."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        # By the authority's own clock, which ours need not agree with.
        now = parsedate_to_datetime(response.headers.get("Date", ""))
        return max(0.0, (until - now).total_seconds())
    except (TypeError, ValueError):
        return None
