"""A certificate service on a clock of its own, with its files in a folder of the test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.task import Clock

from duck_tx.https.context import Policy, server_context
from duck_tx.https.credential import Credential
from duck_tx.https.service import CertificateService
from duck_tx.https.store import CertificateStore
from duck_tx.settings import HttpsSettings
from tests.case import UnitTestCase
from tests.unit.certificates import DAY, NOW, Party, issue, write_pair
from tests.unit.logged import logged_lines

__all__ = ["OTHER", "RENEWED", "SITE", "CertificateCase"]

SITE = issue("example.org", "www.example.org", ends=NOW + 90 * DAY)
RENEWED = issue("example.org", ends=NOW + 150 * DAY)
OTHER = issue("other.example", ends=NOW + 90 * DAY)
_NAMES = ("example.org", "127.0.0.1")


class CertificateCase(UnitTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.certfile, self.key = write_pair(self.folder / "site", SITE)
        self.live = self.folder / "live"
        self.state = self.folder / ".duck"
        self.clock = Clock()
        self.now = NOW
        self.has_clock = True
        self.is_development = False
        self.make_context: Callable[[Credential], SSL.Context] = partial(server_context, policy=Policy())

    def today(self) -> datetime:
        if not self.has_clock:
            raise RuntimeError("no clock on the wall")
        return self.now

    def service(self, *, site: bool = True, names: tuple[str, ...] = _NAMES, **settings: object) -> CertificateService:
        if site:
            settings = {"certfile": str(self.certfile), "private_key": str(self.key)} | settings
        store = CertificateStore(self.make_context, strict=False)
        made = CertificateService(
            self.clock,
            HttpsSettings(watch_interval=10.0, **settings),  # type: ignore[arg-type]
            store,
            state_directory=self.state,
            names=names,
            is_development=lambda: self.is_development,
            today=self.today,
        )
        self.addCleanup(made.stopService)
        return made

    def started(self, **settings: object) -> CertificateService:
        made = self.service(**settings)  # type: ignore[arg-type]
        made.privilegedStartService()
        made.startService()
        return made

    def look(self, passes: timedelta = timedelta()) -> list[str]:
        """What is logged at the next look."""
        self.now += passes
        with logged_lines() as lines:
            self.clock.advance(10)
        return lines

    def renew(self, party: Party = RENEWED) -> None:
        for path in write_pair(self.folder / "new", party):
            path.replace(self.folder / "site" / path.name)

    def assert_serves(self, service: CertificateService, *parties: Party) -> None:
        served = [each.chain[0] for each in service.store.credentials]
        self.assertEqual(served, [party.certificate for party in parties])

    def shown(self, service: CertificateService, name: str) -> x509.Certificate | None:
        context = service.store.context_for(name)
        assert context is not None
        return SSL.Connection(context).get_certificate(as_cryptography=True)
