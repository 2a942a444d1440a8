"""What tests of the ACME service have in common: a clock, and an authority that is a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from OpenSSL import SSL

from duck_tx.https.acme.answer import Answers
from duck_tx.https.acme.errand import Pause
from duck_tx.https.acme.files import CertificateFiles, Kept, Origin
from duck_tx.https.acme.plan import Advice
from duck_tx.https.acme.service import AcmeService
from duck_tx.https.acme.wanted import STAGING, Issued, Wanted, wanted
from duck_tx.https.context import challenge_context
from duck_tx.settings import AcmeSettings
from tests.case import UnitTestCase
from tests.integration.server import wait_until
from tests.unit.certificates import DAY, NOW, Party, authority, cert_pem, issue
from tests.unit.reactor import HandedOver

__all__ = ["HOUR", "AcmeServiceCase", "Asked"]

DIRECTORY = "https://ca.example/directory"
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """An order that was placed."""

    wanted: Wanted
    answers: Answers
    earlier: x509.Certificate | None
    at: datetime


class AcmeServiceCase(UnitTestCase):
    """Each order is issued, unless :attr:`outcome` says otherwise; nothing sleeps.

    :ivar outcome: called by an order; what it raises is how that ends.
    :ivar asked: the orders.
    :ivar advice: what the authority says of renewals, or raises.
    :ivar advised_by: gives that instead.
    :ivar advised: when it was asked for that.
    :ivar loads: how often new files were in place.
    :ivar lifetime: of the certificates that are issued.
    """

    def setUp(self) -> None:
        self.reactor = HandedOver()
        self.reactor.advance(NOW.timestamp())
        self.directory = Path(self.mktemp()).absolute() / "acme"
        self.http: dict[bytes, bytes] = {}
        self.tls: dict[str, SSL.Context] = {}
        self.outcome: Callable[[Pause], object] = lambda pause: None
        self.asked: list[Asked] = []
        self.advice: Advice | Exception = Advice(None, 86400.0)
        self.advised_by: Callable[[], Advice] | None = None
        self.advised: list[datetime] = []
        self.loads: list[Kept] = []
        self.lifetime = 90 * DAY
        self.root = authority("Root")

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.reactor.seconds(), UTC)

    def settings(self, **settings: Any) -> AcmeSettings:
        return AcmeSettings(**{"email": "you@example.org", "directory": DIRECTORY} | settings)

    def service(self, *names: str, has_http: bool = True, **settings: Any) -> AcmeService:
        names = names or ("example.org",)
        asked = self.settings(**settings)
        return AcmeService(
            self.reactor,
            asked,
            names=names,
            directory=self.directory,
            installed=lambda: self.loads.append(self.found(*names, of=STAGING if asked.staging else asked.directory)),
            http_answers=self.http if has_http else None,
            tls_answers=self.tls,
            make_context=challenge_context,
            order=self.order,
            advise=self.advise,
            draw=lambda: 1.0,
        )

    def order(self, aim: Wanted, answers: Answers, pause: Pause, earlier: x509.Certificate | None) -> Issued:
        """What a real authority does, in no time."""
        self.asked.append(Asked(aim, answers, earlier, self.now))
        self.outcome(pause)
        party = self.issue(*aim.names)
        return Issued(cert_pem(party.certificate), party.key_pem, aim.challenges[-1])

    def advise(self, aim: Wanted, leaf: x509.Certificate, pause: Pause) -> Advice:
        self.advised.append(self.now)
        if self.advised_by is not None:
            return self.advised_by()
        if isinstance(self.advice, Exception):
            raise self.advice
        return self.advice

    def issue(self, *names: str) -> Party:
        return issue(*names, issuer=self.root, begins=self.now - HOUR, ends=self.now + self.lifetime)

    def have(self, *names: str, challenge: str = "http-01") -> Kept:
        """Have a certificate from before."""
        aim = wanted(self.settings(), names, self.directory, ("tls-alpn-01",))
        origin = Origin(aim.authority, challenge, self.reactor.seconds())
        party = self.issue(*names)
        files = CertificateFiles(self.directory)
        return files.install(names, cert_pem(party.certificate), party.key_pem, origin, self.now)

    def found(self, *names: str, of: str = DIRECTORY) -> Kept:
        """What is in place."""
        kept = CertificateFiles(self.directory).find(names, of, self.now)
        assert kept is not None, "there is no certificate"
        return kept

    def start(self, service: AcmeService | None = None) -> AcmeService:
        """Start a service, and let it look."""
        service = service or self.service()
        service.startService()
        self.look()
        return service

    def look(self, after: timedelta | float = 0.0) -> None:
        """Let time pass, then the look that is due come to its end."""
        self.reactor.advance(after.total_seconds() if isinstance(after, timedelta) else after)
        self.turn()

    def turn(self) -> None:
        """Let a look that has begun come to its end."""
        wait_until(lambda: self.reactor.waiting, what="a look that is over")
        self.reactor.turn()

    def is_looking(self) -> bool:
        """Whether a thread is at work, as no timer runs."""
        return not self.reactor.getDelayedCalls()

    def next_look(self) -> float:
        """Seconds until the next."""
        [call] = self.reactor.getDelayedCalls()
        return float(call.getTime()) - self.reactor.seconds()
