"""The account at an authority: made once, then found again on disk."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import josepy
import msgspec
from acme import errors, messages
from acme.client import ClientV2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from duck_tx.https.acme.failure import AcmeError
from duck_tx.https.acme.problem import Talk, explained
from duck_tx.https.acme.wanted import Wanted
from duck_tx.https.acme.writing import folder, write

__all__ = ["account_key", "forget", "key_pem", "sign_in"]

_FILE = "account.json"


class _Account(msgspec.Struct, frozen=True):
    """What ``account.json`` holds.

    :ivar uri: the authority's name for the account.
    :ivar email: as it was told.
    """

    uri: str
    email: str


def account_key(directory: Path) -> josepy.JWKEC:
    """The key of the account in this folder; made if there is none.

    :raises AcmeError: if it cannot be read or written.
    """
    path = directory / "key.pem"
    try:
        with suppress(FileNotFoundError):
            found = load_pem_private_key(path.read_bytes(), None)
            if not isinstance(found, ec.EllipticCurvePrivateKey):
                raise ValueError("not a key on an elliptic curve")
            return josepy.JWKEC(key=found)
        made = ec.generate_private_key(ec.SECP256R1())
        folder(directory)
        write(path, key_pem(made))
    except OSError as error:
        raise AcmeError(f"the account's key {path} cannot be kept: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise AcmeError(f"{path} is not the account's key ({error}); remove it, and a new account is made") from error
    return josepy.JWKEC(key=made)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A key as it is kept, unencrypted: a server has to start without anybody there."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def sign_in(client: ClientV2, wanted: Wanted, talk: Talk) -> None:
    """Have ``client`` speak for our account; one is made if there is none.

    The authority's terms of service are agreed to: whoever turns ACME on in the settings asks for that.

    :raises AcmeError: if there is no account to be had.
    """
    known = _known(wanted.account)
    with explained(talk, "refuses the account" + ("" if wanted.binding is None else " with https.acme.eab_key_id")):
        if known is None:
            _keep(wanted, _register(client, wanted))
            return
        client.net.account = messages.RegistrationResource(body=messages.Registration(), uri=known.uri)
        if known.email != wanted.email:
            client.update_registration(client.net.account, messages.Registration.from_data(email=wanted.email))
            _keep(wanted, known.uri)


def forget(directory: Path) -> None:
    """Have the next :func:`sign_in` ask the authority, which has forgotten the account; its key stays."""
    (directory / _FILE).unlink(missing_ok=True)


def _register(client: ClientV2, wanted: Wanted) -> str:
    key = client.net.key
    assert key is not None, "whoever signs in has a key"
    binding = None
    if wanted.binding is not None:
        binding = messages.ExternalAccountBinding.from_data(
            key.public_key(), wanted.binding.key_id, wanted.binding.hmac_key, client.directory
        )
    asked = messages.NewRegistration.from_data(
        email=wanted.email, terms_of_service_agreed=True, external_account_binding=binding
    )
    # Told to be nobody yet: the request has to be signed with the key itself.
    client.net.account = None
    try:
        return str(client.new_account(asked).uri)
    except errors.ConflictError as error:
        # There is one for this key, which was not written down.
        client.net.account = messages.RegistrationResource(body=messages.Registration(), uri=error.location)
        return str(error.location)


def _known(directory: Path) -> _Account | None:
    try:
        return msgspec.json.decode((directory / _FILE).read_bytes(), type=_Account)
    except (OSError, msgspec.DecodeError):
        return None


def _keep(wanted: Wanted, uri: str) -> None:
    path = wanted.account / _FILE
    try:
        write(path, msgspec.json.encode(_Account(uri, wanted.email)))
    except OSError as error:
        raise AcmeError(f"the account {path} cannot be kept: {error.strerror}") from error
