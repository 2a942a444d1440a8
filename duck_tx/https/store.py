"""The certificates in use: which one a client is shown for the name that it asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from OpenSSL import SSL

from duck_tx.errors import SSLError
from duck_tx.https.credential import Credential
from duck_tx.https.name import canonical, wildcard_base

__all__ = ["CertificateStore"]


@dataclass(frozen=True, slots=True)
class _Served:
    """What is in use, replaced as a whole.

    :ivar exact: contexts by name.
    :ivar wild: contexts by what follows ``*.`` in a wildcard.
    :ivar own: the names and wildcards of certificates that were not made here.
    """

    credentials: tuple[Credential, ...] = ()
    contexts: tuple[SSL.Context, ...] = ()
    exact: dict[str, SSL.Context] = field(default_factory=dict)
    wild: dict[str, SSL.Context] = field(default_factory=dict)
    own: frozenset[str] = frozenset()


class CertificateStore:
    """Contexts by name.

    :param make_context: makes the context that shows a credential; raises :class:`SSLError`.
    :param strict: whoever asks for no name, or for one that no certificate is for, gets no context.
    :ivar changed: called when other contexts are in use than before.
    :ivar challenges: contexts that answer a certificate authority's challenges, by name; they are not looked at here.
    """

    def __init__(self, make_context: Callable[[Credential], SSL.Context], *, strict: bool) -> None:
        self._make_context = make_context
        self._strict = strict
        self._served = _Served()
        self.changed: Callable[[], object] = lambda: None
        self.challenges: dict[str, SSL.Context] = {}

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """What is in use; the first is shown to those who ask for nothing that is known."""
        return self._served.credentials

    def try_out(self, credential: Credential) -> None:
        """Look whether a credential can be used, without using it.

        :raises SSLError: if not.
        """
        self._make_context(credential)

    def use(self, credentials: Sequence[Credential]) -> None:
        """Serve these from the next handshake on; where two are for the same name, the earlier is shown.

        Those that are in use already keep their contexts, and with them the sessions that clients can resume.

        :raises SSLError: if there are none, or one cannot be used; all stays as it was then.
        """
        if not credentials:
            raise SSLError("there is no certificate to serve. Name one with --certfile.")
        served = self._served
        self._serve(credentials, dict(zip(map(id, served.credentials), served.contexts, strict=True)))

    def renew(self) -> None:
        """Make all contexts anew.  With the old ones go the keys of their session tickets: whoever learned such a key
        later could read the sessions of as long as it was in use.

        :raises SSLError: if one cannot be made; all stays as it was then.
        """
        self._serve(self._served.credentials, {})

    def _serve(self, credentials: Sequence[Credential], known: Mapping[int, SSL.Context]) -> None:
        contexts = tuple(known.get(id(each)) or self._make_context(each) for each in credentials)
        exact: dict[str, SSL.Context] = {}
        wild: dict[str, SSL.Context] = {}
        own: set[str] = set()
        for credential, context in zip(credentials, contexts, strict=True):
            names = credential.names
            for name in names:
                base = wildcard_base(name)
                if base is None:
                    exact.setdefault(name, context)
                else:
                    wild.setdefault(base, context)
            if not credential.is_development:
                own.update(names)
        self._served = _Served(tuple(credentials), contexts, exact, wild, frozenset(own))
        self.changed()

    def context_for(self, name: str | None) -> SSL.Context | None:
        """The context for the name that a client asks for (SNI, RFC 6066 3).

        :return: None if the client is to be refused, or while there is none.
        """
        served = self._served
        if name:
            name = name.lower().removesuffix(".")
            context = served.exact.get(name)
            if context is not None:
                return context
            label, _, base = name.partition(".")
            context = served.wild.get(base) if label else None
            if context is not None:
                return context
        return None if self._strict or not served.contexts else served.contexts[0]

    def covers(self, host: str) -> bool:
        """Whether a certificate that others trust is for ``host``, a host name or an address without a port."""
        name, own = canonical(host), self._served.own
        if name in own:
            return "*" not in name
        label, dot, base = name.partition(".")
        return bool(label and dot) and label != "*" and f"*.{base}" in own and wildcard_base(f"*.{base}") is not None
