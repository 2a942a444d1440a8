"""Answers to challenges: shown where the server looks for them, and taken away again."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from duck_tx.https.acme.errand import Abandoned
from duck_tx.https.acme.identifier import alternative_names, server_name
from duck_tx.https.credential import Credential

__all__ = ["HTTP_01", "TLS_ALPN_01", "Answers", "answering_credential"]

K = TypeVar("K")
V = TypeVar("V")

HTTP_01 = "http-01"
TLS_ALPN_01 = "tls-alpn-01"

_ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
_OCTET_STRING_OF_32 = b"\x04\x20"


class Answers:
    """What this server answers to challenges, for one order.  It is safe to call from any thread.

    :param http: by token, for the redirect site; ``None`` if there is none.
    :param tls: by server name, for the TLS port.
    :param make_context: makes a context that negotiates ``acme-tls/1`` and nothing else.
    :param settled: called on the thread of the order before its authority looks: waits until all who answer know what.
    """

    def __init__(
        self,
        http: dict[bytes, bytes] | None,
        tls: dict[str, SSL.Context],
        make_context: Callable[[Credential], SSL.Context],
        settled: Callable[[], object] | None = None,
    ) -> None:
        self._http = http
        self._tls = tls
        self._make_context = make_context
        self._settled = settled
        self._removals: list[Callable[[], object]] = []
        self._lock = threading.Lock()
        self._is_closed = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of challenge that can be answered, the best first."""
        return (TLS_ALPN_01,) if self._http is None else (TLS_ALPN_01, HTTP_01)

    @contextmanager
    def shown(self, kind: str, name: str, token: str, authorization: str) -> Iterator[None]:
        """Answer one challenge within the ``with`` block.

        :param authorization: the key authorization (RFC 8555 8.1).
        :raises Abandoned: after :meth:`close`.
        """
        remove = self._show(kind, name, token, authorization)
        try:
            if self._settled is not None:
                self._settled()
            yield
        finally:
            remove()

    def _show(self, kind: str, name: str, token: str, authorization: str) -> Callable[[], object]:
        if kind == TLS_ALPN_01:
            context = self._make_context(answering_credential(name, authorization, datetime.now(UTC)))
            return self._put(self._tls, server_name(name), context)
        assert self._http is not None, "without a redirect site nobody asks for http-01"
        return self._put(self._http, token.encode("ascii"), authorization.encode("ascii"))

    def _put(self, answers: dict[K, V], key: K, value: V) -> Callable[[], object]:
        def remove() -> None:
            answers.pop(key, None)

        with self._lock:
            # Whoever closes this has to be sure that nothing comes after.
            if self._is_closed:
                raise Abandoned
            answers[key] = value
            self._removals.append(remove)
        return remove

    def close(self) -> None:
        """Take all answers away, and take no more."""
        with self._lock:
            self._is_closed = True
            for remove in self._removals:
                remove()


def answering_credential(name: str, authorization: str, now: datetime) -> Credential:
    """The certificate that answers TLS-ALPN-01 (RFC 8737 3): self-signed, for this one name, with the digest of the key
    authorization in a critical extension."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ACME challenge")])
    digest = hashlib.sha256(authorization.encode("ascii")).digest()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(alternative_names([name]), critical=False)
        .add_extension(x509.UnrecognizedExtension(_ACME_IDENTIFIER, _OCTET_STRING_OF_32 + digest), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Credential((certificate,), key, f"the answer to a challenge for {name}")
