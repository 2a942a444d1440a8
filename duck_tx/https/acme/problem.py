"""Why there is no certificate, in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import requests
from acme import errors, messages
from josepy.errors import Error as JoseError

from duck_tx.https.acme.failure import AcmeError, Unreachable

__all__ = ["explained", "problem"]

_LONGEST = 400
"""Characters of what an authority says that are repeated."""

_MENDS = {
    "externalAccountRequired": "give https.acme.eab_key_id and https.acme.eab_hmac_key",
    "invalidContact": "mend https.acme.email",
    "unsupportedContact": "mend https.acme.email",
}

_UNLIMITED = 3600.0
"""Seconds to wait where an authority says that there is a limit, and not for how long."""


class Talk(Protocol):
    """A connection to an authority.

    :ivar host: what messages call it.
    :ivar retry_after: seconds to wait that it asked for with its last response.
    """

    host: str
    retry_after: float | None


@contextmanager
def explained(talk: Talk, does: str = "says") -> Iterator[None]:
    """Turn what the protocol's library raises within the ``with`` block into an :class:`AcmeError`.

    What nobody foresaw is left alone.

    :param does: what the authority does when it refuses.
    """
    try:
        yield
    except messages.Error as error:
        wait = talk.retry_after
        if error.code == "rateLimited" and wait is None:
            wait = _UNLIMITED
        raise AcmeError(f"{talk.host} {does}: {problem(error)}", wait, code=error.code) from error
    except errors.ClientError as error:
        raise Unreachable(f"{talk.host} {_not_acme(error)}", talk.retry_after) from error
    except requests.Timeout as error:
        raise Unreachable(f"{talk.host} does not answer") from error
    except requests.RequestException as error:
        raise Unreachable(f"{talk.host} cannot be reached: {_reason(error)}") from error
    except JoseError as error:
        raise Unreachable(f"{talk.host} sent what is no ACME: {_one_line(str(error))}") from error


def problem(error: messages.Error) -> str:
    """What an authority says in a problem document (RFC 9457), on one line."""
    parts = [error.detail or error.title or error.description or "no reason given"]
    for part in error.subproblems or ():
        whose = f"{part.identifier.value}: " if part.identifier is not None else ""
        parts.append(f"{whose}{part.detail or part.title or part.typ}")
    mend = _MENDS.get(error.code or "")
    kind = str(error.typ).rpartition(":")[2]
    return _one_line("; ".join(parts)).rstrip(".") + f" ({kind})" + (f"; {mend}" if mend else "")


def _one_line(text: str) -> str:
    text = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _not_acme(error: errors.ClientError) -> str:
    if isinstance(error, errors.NonceError):
        return "sends no nonce, as ACME wants it"
    said = error.args[0] if error.args else error
    response = said[0] if isinstance(said, tuple) else said
    if isinstance(response, requests.Response):
        return f"answered {response.status_code} at {response.url}, without a reason that ACME knows"
    return f"answered what is no ACME: {_one_line(str(said))}"


def _reason(error: BaseException) -> str:
    """The bottom of the chain of what went wrong, which is what the system or the TLS library said."""
    bottom: BaseException = error
    for _ in range(16):
        inner = next((each for each in _beneath(bottom) if isinstance(each, BaseException)), None)
        if inner is None:
            break
        bottom = inner
    verify = getattr(bottom, "verify_message", None)
    if verify:
        return f"its certificate is not trusted ({_one_line(str(verify))}); name its issuer's in https.acme.ca_file"
    text = getattr(bottom, "strerror", None) or str(bottom)
    return _one_line(re.sub(r"<[^>]*>:? ?", "", str(text))) or type(bottom).__name__


def _beneath(error: BaseException) -> Iterator[object]:
    yield getattr(error, "reason", None)
    yield from error.args
    yield error.__cause__
    yield error.__context__
