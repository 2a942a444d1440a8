"""The policy: which TLS is spoken, as OpenSSL contexts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL import SSL

from duck_tx.errors import SSLError
from duck_tx.https.credential import Credential

__all__ = ["ACME_TLS", "Policy", "challenge_context", "server_context"]

ACME_TLS = b"acme-tls/1"
"""The protocol name of the challenge TLS-ALPN-01 (RFC 8737)."""

_CIPHERS = b":".join(
    b"ECDHE-" + cipher
    for cipher in (
        b"ECDSA-AES128-GCM-SHA256",
        b"RSA-AES128-GCM-SHA256",
        b"ECDSA-AES256-GCM-SHA384",
        b"RSA-AES256-GCM-SHA384",
        b"ECDSA-CHACHA20-POLY1305",
        b"RSA-CHACHA20-POLY1305",
    )
)
"""What TLS 1.2 may use: forward secret and authenticated, Mozilla's "intermediate" without its finite-field groups."""

_SUITES = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
"""What TLS 1.3 may use.  The first makes the quickest handshakes: they hash a lot, and processors do SHA-256."""

_GROUPS = (b"X25519MLKEM768/X25519:P-256:P-384", b"X25519:P-256:P-384")
"""What keys are agreed on in, as Mozilla's "intermediate" has it, with the hybrid group before all others (a slash says
that it is worth a round trip more); the second for an OpenSSL before 3.5, which does not know that."""

_VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
_PRIORITIZE_CHACHA = 1 << 21
"""``SSL_OP_PRIORITIZE_CHACHA`` of OpenSSL, which its binding for Python has no name for."""

_OPTIONS = (
    SSL.OP_NO_COMPRESSION
    | SSL.OP_NO_RENEGOTIATION
    # The order is ours, except for clients that would rather not do AES: they know why.
    | SSL.OP_CIPHER_SERVER_PREFERENCE
    | _PRIORITIZE_CHACHA
)


_NO_AUTO_CHAIN = 8
"""``SSL_MODE_NO_AUTO_CHAIN``: do not look for a chain in each handshake where a certificate came without one."""

# Buffers of 34 KB for each connection are given back while it is idle.
_MODE = SSL.MODE_RELEASE_BUFFERS | _NO_AUTO_CHAIN


@dataclass(frozen=True, slots=True)
class Policy:
    """What is the same for all certificates.

    :ivar min_version: lowest version of TLS.
    :ivar protocols: what is spoken within TLS, the best first (RFC 7301).
    """

    min_version: Literal["1.2", "1.3"] = "1.2"
    protocols: tuple[bytes, ...] = (b"h2", b"http/1.1")


def server_context(credential: Credential, policy: Policy) -> SSL.Context:
    """A context that shows ``credential``.

    Sessions are resumed by tickets, for which the server keeps nothing.

    :raises SSLError: if OpenSSL does not take the certificate or the key.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(_VERSIONS[policy.min_version])
    context.set_cipher_list(_CIPHERS)
    context.set_tls13_ciphersuites(_SUITES)
    context.set_options(_OPTIONS)
    _limit_groups(context)
    context.set_mode(_MODE)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(b"duck_tx")
    offered = policy.protocols
    if b"http/1.1" in offered:
        # The same parser reads it, and some clients say so when they are told to speak nothing later.
        offered += (b"http/1.0",)

    def select(connection: SSL.Connection, spoken: list[bytes]) -> bytes | object:
        for protocol in offered:
            if protocol in spoken:
                # Where the handshake finds it without asking OpenSSL.
                connection.set_app_data(protocol)
                return protocol
        # A client that speaks none of them is refused (RFC 7301 3.2).
        raise SSL.Error([("", "", "no application protocol")])

    context.set_alpn_select_callback(select)  # type: ignore[arg-type]
    try:
        context.use_certificate(credential.chain[0])
        for certificate in credential.chain[1:]:
            context.add_extra_chain_cert(certificate)
        context.use_privatekey(credential.key)
        context.check_privatekey()
    except SSL.Error as error:
        reasons = "; ".join(str(part[-1]) for part in error.args[0]) if error.args else "no reason given"
        raise SSLError(
            f"{credential.source}: OpenSSL does not take this certificate ({reasons}); get one with a key that is"
            " strong enough (ECDSA P-256, or RSA of 2048 bits) and signed with SHA-256."
        ) from error
    return context


def _limit_groups(context: SSL.Context) -> None:
    """Agree on keys in strong groups only.

    pyOpenSSL can choose a single group or none, so this goes one step below it; where that step is missing, OpenSSL's
    own groups remain, which are a few more.
    """
    binding = Binding()
    choose = getattr(binding.lib, "SSL_CTX_set1_curves_list", None)
    if choose is not None and not any(choose(context._context, groups) for groups in _GROUPS):
        binding.lib.ERR_clear_error()


def challenge_context(credential: Credential) -> SSL.Context:
    """A context that answers the challenge TLS-ALPN-01, and speaks nothing else (RFC 8737 3)."""
    return server_context(credential, Policy(protocols=(ACME_TLS,)))
