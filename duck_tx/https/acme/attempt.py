"""One look at the certificate that is there, and an order if it is time: what blocks, it does on a thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cryptography import x509
from twisted.logger import Logger

from duck_tx.errors import SSLError
from duck_tx.https.acme.answer import Answers
from duck_tx.https.acme.errand import Pause
from duck_tx.https.acme.failure import AcmeError
from duck_tx.https.acme.files import CertificateFiles, Kept, Origin
from duck_tx.https.acme.history import History
from duck_tx.https.acme.plan import Advice, Window, renewal_time
from duck_tx.https.acme.wanted import Issued, Wanted
from duck_tx.https.acme.writing import folder
from duck_tx.https.credential import moment
from duck_tx.lock import only_one

__all__ = ["Advise", "Attempt", "Found", "Order"]

_log = Logger()

_BUSY = 60.0
"""Seconds until the next look, where another process is ordering."""


class Order(Protocol):
    """Gets a certificate, and blocks meanwhile."""

    def __call__(
        self, wanted: Wanted, answers: Answers, pause: Pause, earlier: x509.Certificate | None, /
    ) -> Issued: ...


class Advise(Protocol):
    """Asks when to renew a certificate, and blocks meanwhile."""

    def __call__(self, wanted: Wanted, leaf: x509.Certificate, pause: Pause, /) -> Advice: ...


@dataclass(frozen=True, slots=True)
class Found:
    """What an attempt has come to.

    :ivar kept: the certificate that is there.
    :ivar advice: what the authority said of it, if it was asked.
    :ivar fault: why an order failed.
    :ivar wait: seconds until an order is possible; 0 if none is due, or one was made.
    :ivar why: what stands in its way.
    :ivar is_new: the certificate has just been issued.
    """

    kept: Kept | None
    advice: Advice | None = None
    wait: float = 0.0
    why: str = ""
    is_new: bool = False
    fault: AcmeError | SSLError | OSError | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What it needs to know.

    :ivar directory: where everything of ACME is kept.
    :ivar window: what the authority said before.
    :ivar asks: ask it again.
    :ivar per_hour: failures that are enough for an hour.
    """

    wanted: Wanted
    directory: Path
    answers: Answers
    order: Order
    advise: Advise
    now: Callable[[], datetime]
    window: Window | None
    asks: bool
    per_hour: int

    def __call__(self, pause: Pause) -> Found:
        """Look, and order if it is time.

        :raises Abandoned: as ``pause`` does.
        """
        kept, window, said = self._find(), self.window, None
        if kept is not None and self.asks:
            said = self._ask(kept, pause)
            window = said.window
        if not self._is_due(kept, window):
            return Found(kept, said)
        try:
            return self._order_alone(kept, said, pause)
        except (AcmeError, SSLError, OSError) as error:
            return Found(kept, said, fault=error)

    def _ask(self, kept: Kept, pause: Pause) -> Advice:
        try:
            return self.advise(self.wanted, kept.leaf, pause)
        except AcmeError as error:
            # Two thirds of the lifetime are a good guess, and renewal has time.
            _log.debug("certificate for {names}: no advice: {error}", names=self.wanted.title, error=error)
            return Advice(self.window)

    def _find(self) -> Kept | None:
        return self._files.find(self.wanted.names, self.wanted.authority, self.now())

    @property
    def _files(self) -> CertificateFiles:
        return CertificateFiles(self.directory)

    def _is_due(self, kept: Kept | None, window: Window | None) -> bool:
        return kept is None or renewal_time(kept.begins, kept.ends, kept.draw, window) <= self.now()

    def _order_alone(self, kept: Kept | None, said: Advice | None, pause: Pause) -> Found:
        folder(self.directory)
        with only_one(self.directory / "lock") as is_first:
            if not is_first:
                return Found(kept, said, _BUSY, f"another process is ordering in {self.directory}")
            there = self._find()
            if there is not None and (kept is None or there.leaf != kept.leaf):
                return Found(there)
            return self._order(kept, said, pause)

    def _order(self, kept: Kept | None, said: Advice | None, pause: Pause) -> Found:
        wanted = self.wanted
        history = History(wanted.account / "failures.json", wanted.names)
        wait, why = history.wait(self.now().timestamp(), self.per_hour)
        if wait > 0:
            return Found(kept, said, wait, why)
        self._files.prepare(wanted.names[0])
        folder(wanted.account)
        if kept is not None:
            # What worked the last time comes first: a refused challenge counts.
            wanted = replace(wanted, challenges=tuple(sorted(wanted.challenges, key=kept.origin.challenge.__ne__)))
        _log.info("certificate for {names}: asking {host}", names=wanted.title, host=wanted.host)
        try:
            new = self._install(self.order(wanted, self.answers, pause, None if kept is None else kept.leaf))
        except AcmeError as error:
            if error.counts or error.retry_after is not None:
                history.note(str(error), self.now().timestamp(), error.retry_after)
            raise
        history.clear()
        return Found(new, is_new=True)

    def _install(self, issued: Issued) -> Kept:
        now = self.now()
        origin = Origin(self.wanted.authority, issued.challenge, now.timestamp())
        new = self._files.install(self.wanted.names, issued.chain_pem, issued.key_pem, origin, now)
        if new.ends <= now:
            # It would be replaced at once, and so on.
            raise AcmeError(
                f"{self.wanted.host} issued a certificate that expired at {moment(new.ends)};"
                " is the clock of this machine right?"
            )
        return new
