"""A TLS 1.3 client of the cheapest kind (RFC 8446), without any I/O: bytes in, bytes out.

It makes one full handshake and asks one request. It holds no session, so nothing can be resumed. To be no bound for
the servers that it measures, it uses the same key share for all connections and does not verify the certificate: the
checks around each measurement do, with another client. What it asks of a server is what usual clients ask: X25519,
AES-128-GCM, and tickets.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_CIPHER, _X25519, _TLS13 = b"\x13\x01", b"\x00\x1d", b"\x03\x04"
_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _APPLICATION = 20, 21, 22, 23
_SERVER_HELLO, _FINISHED = 2, 20
_CLOSE_NOTIFY = b"\x01\x00"
_KEY_SHARE = 51

# The "random" of a ServerHello that is a HelloRetryRequest (RFC 8446 4.1.3).
_RETRY = hashlib.sha256(b"HelloRetryRequest").digest()


class HandshakeError(Exception):
    """The server did not do what this client can follow."""


def _label(label: bytes, context: bytes = b"", length: int = 32) -> bytes:
    """The input of HKDF-Expand for one block of output (RFC 8446 7.1, RFC 5869 2.3)."""
    full = b"tls13 " + label
    return struct.pack("!HB", length, len(full)) + full + bytes([len(context)]) + context + b"\x01"


def _expand(secret: bytes, info: bytes) -> bytes:
    return hmac.digest(secret, info, "sha256")


_ZEROS = bytes(32)
_NOTHING = hashlib.sha256(b"").digest()
_DERIVED = _label(b"derived", _NOTHING)
_BEFORE = _expand(hmac.digest(_ZEROS, _ZEROS, "sha256"), _DERIVED)
_KEY, _IV, _DONE = _label(b"key", length=16), _label(b"iv", length=12), _label(b"finished")


class _Cipher:
    """One direction of one epoch: the records of a traffic secret, in order."""

    def __init__(self, secret: bytes) -> None:
        self._aead = AESGCM(_expand(secret, _KEY)[:16])
        self._iv = int.from_bytes(_expand(secret, _IV)[:12], "big")
        self._number = 0

    def _nonce(self) -> bytes:
        nonce = (self._iv ^ self._number).to_bytes(12, "big")
        self._number += 1
        return nonce

    def seal(self, kind: int, content: bytes) -> bytes:
        head = struct.pack("!BHH", _APPLICATION, 0x0303, len(content) + 17)
        return head + self._aead.encrypt(self._nonce(), content + bytes([kind]), head)

    def open(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        """The type of a record and its content; none of the servers pads."""
        try:
            inner = self._aead.decrypt(self._nonce(), body, head)
        except InvalidTag as error:
            raise HandshakeError("a record cannot be opened") from error
        return inner[-1], inner[:-1]


class Share:
    """The client's half of the key agreement, and the hello that carries it, for as many connections as wanted."""

    def __init__(self, name: str) -> None:
        self._key = X25519PrivateKey.generate()
        key_share = _X25519 + _sized(2, self._key.public_key().public_bytes_raw())
        extensions = (
            (0, _sized(2, b"\x00" + _sized(2, name.encode()))),
            (10, _sized(2, _X25519)),
            # ECDSA on P-256, and RSA-PSS.
            (13, _sized(2, b"\x04\x03\x08\x04")),
            (16, _sized(2, _sized(1, b"http/1.1"))),
            (43, _sized(1, _TLS13)),
            # Without it no server would send the tickets that it sends to every other client.
            (45, _sized(1, b"\x01")),
            (_KEY_SHARE, _sized(2, key_share)),
        )
        self._rest = (
            _sized(1, b"")
            + _sized(2, _CIPHER)
            + _sized(1, b"\x00")
            + _sized(2, b"".join(struct.pack("!H", kind) + _sized(2, content) for kind, content in extensions))
        )

    def hello(self) -> bytes:
        """A ClientHello message with a random of its own (RFC 8446 4.1.2)."""
        body = b"\x03\x03" + os.urandom(32) + self._rest
        return b"\x01" + len(body).to_bytes(3, "big") + body

    def agree(self, theirs: bytes) -> bytes:
        """The secret that both sides now know."""
        return self._key.exchange(X25519PublicKey.from_public_bytes(theirs))


class Visit:
    """One connection: send :attr:`greeting`, then what :meth:`receive` answers, until the server hangs up.

    :ivar answer: what the server has answered to the request so far.
    :ivar is_over: the server has said that nothing more will come, and the goodbye to it was returned to be sent.
    """

    def __init__(self, share: Share, request: bytes) -> None:
        hello = share.hello()
        self.greeting = b"\x16\x03\x01" + _sized(2, hello)
        self.answer = b""
        self.is_over = False
        self._share = share
        self._request = request
        self._transcript = hashlib.sha256(hello)
        self._waiting = b""
        self._messages = b""
        self._server: _Cipher | None = None
        self._client: _Cipher | None = None
        self._client_secret = self._secret = b""

    def receive(self, data: bytes) -> bytes:
        """Take what the server has sent; what to send to it now.

        :raises HandshakeError: if it sent an alert, or something that this client does not know.
        """
        data = self._waiting + data
        at, answer = 0, b""
        while len(data) >= at + 5:
            head = data[at : at + 5]
            end = at + 5 + int.from_bytes(head[3:], "big")
            if len(data) < end:
                break
            answer += self._record(head, data[at + 5 : end])
            at = end
        self._waiting = data[at:]
        return answer

    def _record(self, head: bytes, body: bytes) -> bytes:
        kind = head[0]
        if kind == _CHANGE_CIPHER_SPEC:
            return b""
        if self._server is not None and kind == _APPLICATION:
            kind, body = self._server.open(head, body)
        if kind == _HANDSHAKE and self._client is None:
            return self._hear(body)
        if kind == _APPLICATION and self._client is not None:
            self.answer += body
        elif kind == _ALERT and body == _CLOSE_NOTIFY and self._client is not None:
            self.is_over = True
            return self._client.seal(_ALERT, _CLOSE_NOTIFY)
        elif kind == _ALERT:
            raise HandshakeError(f"alert {body[1:].hex()}")
        elif kind != _HANDSHAKE:
            raise HandshakeError(f"a record of type {kind}, which was not due")
        # What is left are tickets, which go unused.
        return b""

    def _hear(self, content: bytes) -> bytes:
        """Handshake messages, of which a record may hold several, or a part of one."""
        self._messages += content
        while len(self._messages) >= 4:
            length = 4 + int.from_bytes(self._messages[1:4], "big")
            message, rest = self._messages[:length], self._messages[length:]
            if len(message) < length:
                break
            self._messages = rest
            self._transcript.update(message)
            if message[0] == _SERVER_HELLO:
                self._agree(message)
            elif message[0] == _FINISHED:
                return self._finish()
        return b""

    def _agree(self, hello: bytes) -> None:
        secret = hmac.digest(_BEFORE, self._share.agree(_their_share(hello)), "sha256")
        heard = self._transcript.digest()
        self._client_secret = _expand(secret, _label(b"c hs traffic", heard))
        self._server = _Cipher(_expand(secret, _label(b"s hs traffic", heard)))
        self._secret = hmac.digest(_expand(secret, _DERIVED), _ZEROS, "sha256")

    def _finish(self) -> bytes:
        """The client's Finished and its request, in one go."""
        heard = self._transcript.digest()
        proof = hmac.digest(_expand(self._client_secret, _DONE), heard, "sha256")
        finished = _Cipher(self._client_secret).seal(_HANDSHAKE, b"\x14\x00\x00\x20" + proof)
        self._server = _Cipher(_expand(self._secret, _label(b"s ap traffic", heard)))
        self._client = _Cipher(_expand(self._secret, _label(b"c ap traffic", heard)))
        return finished + self._client.seal(_APPLICATION, self._request)


def _sized(size: int, content: bytes) -> bytes:
    return len(content).to_bytes(size, "big") + content


def _their_share(hello: bytes) -> bytes:
    """The X25519 key of a ServerHello message (RFC 8446 4.1.3).

    :raises HandshakeError: if it chose anything but what was offered.
    """
    if hello[6:38] == _RETRY:
        raise HandshakeError("the server asks for another key share")
    at = 39 + hello[38]
    if hello[at : at + 2] != _CIPHER:
        raise HandshakeError(f"the server chose cipher suite {hello[at : at + 2].hex()}")
    at += 5
    while at + 4 <= len(hello):
        kind, length = struct.unpack_from("!HH", hello, at)
        content = hello[at + 4 : at + 4 + length]
        if kind == _KEY_SHARE and content[:2] == _X25519:
            return content[4:]
        at += 4 + length
    raise HandshakeError("the server chose no key share")
