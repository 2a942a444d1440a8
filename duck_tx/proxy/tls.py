"""TLS to servers: what they must show, and what is shown to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates

from duck_tx.errors import SSLError

__all__ = ["ClientTLS"]

_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"


class ClientTLS:
    """Verifies servers by their certificates: signed by an authority that is trusted, and for the name that the URL has
    (RFC 9110 4.3.4, service-identity).  That name is also told them (SNI).

    :param ca: certificates (PEM) of the authorities to trust, instead of the system's.
    :param certificate: shown to servers that ask for one (PEM), those that it was signed by after it.
    :param key: its private key (PEM); by default in the same file.
    :raises SSLError: if one of these cannot be used; the message names it.
    """

    def __init__(self, ca: Path | None = None, certificate: Path | None = None, key: Path | None = None) -> None:
        self._trust: Any = None
        self._shown: dict[str, Any] = {}
        if ca is not None:
            self._trust = trustRootFromCertificates([Certificate(each) for each in _certificates(ca)])
        if certificate is not None:
            own, *chain = _certificates(certificate)
            self._shown = {
                "certificate": own,
                "privateKey": _key(key or certificate, own, certificate),
                "extraCertChain": chain,
            }

    def creator(self, host: str) -> Any:
        """What makes the TLS side of connections to ``host``, a name in ASCII or an address
        (``IOpenSSLClientConnectionCreator``).

        :raises ValueError: if it is a name that no certificate can have, such as one with ``_``.
        """
        try:
            return optionsForClientTLS(
                host, self._trust, acceptableProtocols=[b"http/1.1"], extraCertificateOptions=self._shown
            )  # fmt: skip
        except UnicodeError as error:
            raise ValueError(f"no certificate can be for {host!r} ({error}); give a name that one is for.") from error


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace")
    except OSError as error:
        raise SSLError(f"{path}: {error.strerror or error}; mend the path or its permissions.") from error


def _certificates(path: Path) -> list[crypto.X509]:
    text = _read(path)
    found = []
    for block in text.split(_BEGIN)[1:]:
        pem = f"{_BEGIN}{block.partition(_END)[0]}{_END}\n"
        try:
            found.append(crypto.load_certificate(crypto.FILETYPE_PEM, pem.encode("ascii")))
        except crypto.Error as error:
            raise SSLError(f"{path}: a certificate in it cannot be read; export it as PEM again.") from error
    if not found:
        raise SSLError(f"{path}: there is no certificate in it; give a file in PEM format.")
    return found


def _key(path: Path, certificate: crypto.X509, beside: Path) -> crypto.PKey:
    try:
        key = crypto.load_privatekey(crypto.FILETYPE_PEM, _read(path).encode("ascii", "replace"), b"")
    except (crypto.Error, ValueError) as error:
        raise SSLError(
            f"{path}: there is no private key in it that can be read; give an unencrypted one in PEM format."
        ) from error
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    try:
        context.use_certificate(certificate)
        context.use_privatekey(key)
        context.check_privatekey()
    except SSL.Error as error:
        raise SSLError(f"{path}: this private key does not belong to the certificate in {beside}.") from error
    return key
