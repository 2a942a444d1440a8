"""One order, from an account to a certificate: everything here blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import josepy
import requests
from acme import challenges, errors, messages
from acme.client import ClientV2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from josepy.errors import DeserializationError
from twisted.logger import Logger

from duck_tx.https.acme.account import account_key, forget, key_pem, sign_in
from duck_tx.https.acme.advice import certificate_id
from duck_tx.https.acme.answer import Answers
from duck_tx.https.acme.authority import Network, connect, decoded, seconds_to_wait
from duck_tx.https.acme.errand import Pause
from duck_tx.https.acme.failure import AcmeError, Refused
from duck_tx.https.acme.identifier import alternative_names
from duck_tx.https.acme.plan import in_words
from duck_tx.https.acme.problem import explained, problem
from duck_tx.https.acme.wanted import Issued, Wanted
from duck_tx.https.name import is_address

__all__ = ["order"]

_log = Logger()

_PATIENCE = 300.0
"""Seconds for an authority to validate a name, and again to issue."""

_FIRST_LOOK, _LOOK = 0.2, 5.0
"""Seconds between two looks at something that is under way, at first and at last, where the authority does not say."""

_LONGEST_LOOK = 60.0

_NOT_OF_REPLACING = frozenset({"rateLimited", "accountDoesNotExist", "rejectedIdentifier", "userActionRequired"})
"""Types of problems that an order without the earlier certificate would have as well."""

_ORDER = ("status", "authorizations", "finalize")
_AUTHORIZATION = ("status", "identifier", "challenges")


class _NewOrder(messages.NewOrder):
    """With the certificate that the new one comes after (RFC 9773 5): for that, rate limits are suspended."""

    replaces: str | None = josepy.field("replaces", omitempty=True)


def order(wanted: Wanted, answers: Answers, pause: Pause, earlier: x509.Certificate | None = None) -> Issued:
    """Get a certificate.

    :param earlier: the one that it comes after, if the same authority issued it.
    :raises AcmeError: if there is none to be had at present.
    :raises Abandoned: as ``pause`` does.
    """
    network = Network(wanted, pause, account_key(wanted.account))
    with explained(network):
        client = connect(wanted, network)
        sign_in(client, wanted, network)
        replaces = None
        if earlier is not None and getattr(client.directory, "renewalInfo", None) is not None:
            replaces = certificate_id(earlier)
        try:
            return _Order(client, network, wanted, answers, pause).get(replaces)
        except messages.Error as error:
            if error.code != "accountDoesNotExist":
                raise
        # It has forgotten us, or was set up anew.
        forget(wanted.account)
        sign_in(client, wanted, network)
        return _Order(client, network, wanted, answers, pause).get(None)


class _Order:
    """What the steps of one order have in common."""

    def __init__(self, client: ClientV2, network: Network, wanted: Wanted, answers: Answers, pause: Pause) -> None:
        self._client = client
        self._network = network
        self._wanted = wanted
        self._answers = answers
        self._pause = pause
        self._key = ec.generate_private_key(ec.SECP256R1())

    def get(self, replaces: str | None) -> Issued:
        """Try one kind of challenge after the other.  An authorization that has become invalid stays so, and its order
        with it: each kind needs a new one."""
        kinds = list(self._wanted.challenges)
        while True:
            placed = self._place(replaces)
            try:
                used = self._authorize(placed.body.authorizations, kinds)
            except Refused as refused:
                kinds.remove(refused.kind)
                if not kinds:
                    raise
                title, kind = self._wanted.title, kinds[0]
                _log.warn("certificate for {names}: {said}; trying {kind}", names=title, said=refused, kind=kind)
                continue
            return Issued(self._finish(placed), key_pem(self._key), used or kinds[0])

    def _post(self, uri: str, content: josepy.JSONDeSerializable | None = None) -> requests.Response:
        """Send ``content``, or ask for what is there (POST-as-GET, RFC 8555 6.3)."""
        return self._network.post(uri, content, new_nonce_url=self._client.directory["newNonce"])

    def _looks(self, uri: str, what: str) -> Iterator[requests.Response]:
        """Ask again and again, as often as the authority likes."""
        waited, delay = 0.0, _FIRST_LOOK
        while waited < _PATIENCE:
            response = self._post(uri)
            yield response
            asked = seconds_to_wait(response)
            pause = delay if asked is None else min(max(asked, _FIRST_LOOK), _LONGEST_LOOK)
            self._pause(pause)
            waited += pause
            delay = min(delay * 1.5, _LOOK)
        raise AcmeError(f"{self._network.host} has not {what} after {in_words(_PATIENCE)}")

    # From the names to an order.

    def _place(self, replaces: str | None) -> messages.OrderResource:
        names = self._wanted.names
        identifiers = [messages.Identifier(typ=_identifier_type(name), value=name) for name in names]
        try:
            response = self._new_order(identifiers, replaces)
        except (errors.ConflictError, messages.Error) as error:
            if replaces is None or (isinstance(error, messages.Error) and error.code in _NOT_OF_REPLACING):
                raise
            # It does not know the earlier certificate as ours, or has replaced it before.
            response = self._new_order(identifiers, None)
        uri = response.headers.get("Location")
        if uri is None:
            raise DeserializationError("an order without a place")
        return messages.OrderResource(
            body=decoded(messages.Order, response, *_ORDER),
            uri=uri,
            csr_pem=_request(self._key, names),
        )

    def _new_order(self, identifiers: list[messages.Identifier], replaces: str | None) -> requests.Response:
        asked = _NewOrder(identifiers=identifiers, replaces=replaces)
        return self._post(self._client.directory["newOrder"], asked)

    # From the order to names that have been validated.

    def _authorize(self, uris: Sequence[str], kinds: Sequence[str]) -> str | None:
        """Have all names validated; the kind that was used last, ``None`` if the authority has seen enough before."""
        used: dict[str, str] = {}
        with ExitStack() as answered:
            for uri in uris:
                found = decoded(messages.Authorization, self._post(uri), *_AUTHORIZATION)
                if found.status == messages.STATUS_PENDING:
                    used[uri] = self._answer(found, kinds, answered)
                elif found.status != messages.STATUS_VALID:
                    name, state = found.identifier.value, found.status.name
                    raise AcmeError(f"{self._network.host} has an authorization for {name} that is {state}")
            refused = [said for uri, kind in used.items() if (said := self._verdict(uri, kind))]
            if refused:
                raise Refused(refused[0][0], "; ".join(said for _, said in refused))
        return next(reversed(used.values()), None)

    def _answer(self, found: messages.Authorization, kinds: Sequence[str], answered: ExitStack) -> str:
        """Show the answer to a challenge, and tell the authority; the kind of challenge."""
        name = found.identifier.value
        offered = {str(each.chall.to_partial_json().get("type")): each for each in found.challenges}
        kind = next((each for each in kinds if each in offered), None)
        if kind is None:
            raise AcmeError(
                f"{self._network.host} offers {' and '.join(sorted(offered)) or 'no challenge'} for {name},"
                f" and this server answers {' and '.join(kinds)}"
            )
        token = str(offered[kind].chall.to_partial_json()["token"])
        key = self._network.key
        assert key is not None, "whoever orders has a key"
        thumbprint = josepy.b64encode(key.thumbprint(hash_function=hashes.SHA256)).decode("ascii")
        answered.enter_context(self._answers.shown(kind, name, token, f"{token}.{thumbprint}"))
        # Whatever the kind: what is sent is an empty object (RFC 8555 7.5.1).
        self._client.answer_challenge(offered[kind], challenges.HTTP01Response(key_authorization=token))
        return kind

    def _verdict(self, uri: str, kind: str) -> tuple[str, str] | None:
        """Wait for the authority to validate a name: why it did not, with the kind of challenge."""
        for response in self._looks(uri, "validated the names"):
            found = decoded(messages.Authorization, response, *_AUTHORIZATION)
            if found.status == messages.STATUS_VALID:
                return None
            if found.status != messages.STATUS_PENDING:
                error = next((each.error for each in found.challenges if each.error is not None), None)
                why = f"the authorization is {found.status.name}" if error is None else problem(error)
                return kind, f"{kind} for {found.identifier.value} was refused: {why}"
        return None

    # From there to the certificate.

    def _finish(self, placed: messages.OrderResource) -> bytes:
        for response in self._looks(placed.uri, "issued the certificate"):
            body = decoded(messages.Order, response, *_ORDER)
            if body.status == messages.STATUS_READY:
                self._finalize(placed.update(body=body))
            elif body.status == messages.STATUS_VALID and body.certificate is not None:
                return self._post(body.certificate).content
            elif body.status == messages.STATUS_INVALID:
                why = "it gives no reason" if body.error is None else problem(body.error)
                raise AcmeError(f"{self._network.host} does not issue the certificate: {why}")
        raise AssertionError("looks end with an error")

    def _finalize(self, placed: messages.OrderResource) -> None:
        try:
            self._client.begin_finalization(placed)
        except messages.Error as error:
            if error.code != "orderNotReady":
                raise


def _identifier_type(name: str) -> messages.IdentifierType:
    return messages.IDENTIFIER_IP if is_address(name) else messages.IDENTIFIER_FQDN


def _request(key: ec.EllipticCurvePrivateKey, names: Sequence[str]) -> bytes:
    """The certificate signing request; the names stand where everybody looks for them, and nowhere else."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    builder = builder.add_extension(alternative_names(names), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
