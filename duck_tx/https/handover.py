"""What one process tells others that serve beside it: the answers to challenges of certificate authorities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from duck_tx.https.credential import Credential, read_credential

__all__ = ["Shown", "packed", "unpacked"]

K = TypeVar("K")
V = TypeVar("V")


class Shown(dict[K, V]):
    """Answers, of which others are told.

    :param tell: called with each that is put here, and with its key and ``None`` when it is taken away; on the thread
        that does so.
    """

    def __init__(self, tell: Callable[[K, V | None], object]) -> None:
        super().__init__()
        self._tell = tell

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self._tell(key, value)

    def pop(self, key: K, *default: Any) -> Any:
        """Take an answer away."""
        was_there = key in self
        value = super().pop(key, *default)
        if was_there:
            self._tell(key, None)
        return value


def packed(credential: Credential) -> bytes:
    """A credential as PEM, its key included."""
    certificates = b"".join(each.public_bytes(Encoding.PEM) for each in credential.chain)
    return certificates + credential.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def unpacked(pem: bytes) -> Credential:
    """The credential that was packed so.

    :raises SSLError: if it was not.
    """
    return read_credential(pem, pem, "the answer to a challenge")
