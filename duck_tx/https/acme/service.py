"""The service that has a certificate issued, and renewed before it is too late."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.errors import SSLError
from duck_tx.https.acme.answer import Answers
from duck_tx.https.acme.attempt import Advise, Attempt, Found, Order
from duck_tx.https.acme.errand import Errand, Pause
from duck_tx.https.acme.failure import AcmeError
from duck_tx.https.acme.files import Kept
from duck_tx.https.acme.plan import Advice, Backoff, Window, in_words, renewal_time
from duck_tx.https.acme.wanted import Issued, Wanted, check_ca_file, wanted
from duck_tx.https.credential import Credential, moment
from duck_tx.settings import AcmeSettings

__all__ = ["AcmeService", "Status"]

_log = Logger()

_LONGEST_SLEEP = 86400.0
"""Seconds without a look: the clock may be set, and files may be removed."""

_FIRST_ADVICE = 60.0
"""Seconds until an authority is asked about a certificate that it has just issued, or that a start has found."""

_PATIENCE = 2.0
"""Seconds that a stop waits for an order to end."""


@dataclass(frozen=True, slots=True)
class Status:
    """How things are, for people.

    :ivar names: of the certificate.
    :ivar authority: who issues it, by the URL of its directory.
    :ivar expires: when the present one does; ``None`` if there is none.
    :ivar next_attempt: when the next will be asked for; ``None`` while that happens, or nothing runs.
    :ivar error: why the last attempt failed, or has to wait; ``None`` if neither is so.
    :ivar failures: how many attempts have failed since one succeeded.
    """

    names: tuple[str, ...]
    authority: str
    expires: datetime | None
    next_attempt: datetime | None
    error: str | None
    failures: int


class AcmeService(Service):
    """Keeps one certificate, for all names together.

    A start looks whether it is there, and orders it if not, beside everything else.  Whatever goes wrong is one line in
    the log, and another attempt later.

    :param reactor: has the one timer; its clock shows the time of day.
    :param names: for the certificate; the first names its folder.
    :param directory: where everything of ACME is kept, with the certificate in ``live``.
    :param installed: called when new files are in place.
    :param http_answers: by token, what the redirect site answers; ``None`` if there is no such site.
    :param tls_answers: by server name, what the TLS port answers those who want to speak ``acme-tls/1``.
    :param make_context: makes these contexts.
    :param settled: as of :class:`Answers`.
    :param order: gets a certificate, on a thread.
    :param advise: asks when to renew one, on a thread.
    :param draw: a number from 0 to 1 by lot.
    """

    def __init__(
        self,
        reactor: Any,
        settings: AcmeSettings,
        *,
        names: Sequence[str],
        directory: Path,
        installed: Callable[[], object],
        http_answers: dict[bytes, bytes] | None,
        tls_answers: dict[str, SSL.Context],
        make_context: Callable[[Credential], SSL.Context],
        settled: Callable[[], object] | None = None,
        order: Order | None = None,
        advise: Advise | None = None,
        backoff: Backoff | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._names = names
        self._directory = directory
        self._installed = installed
        self._make_answers = lambda: Answers(http_answers, tls_answers, make_context, settled)
        self._order = order or _order
        self._advise = advise or _advise
        self._backoff = backoff or Backoff()
        self._draw = draw
        self._timer: IDelayedCall | None = None
        self._errand: Errand[Found] | None = None
        self._answers = self._make_answers()
        self._kept: Kept | None = None
        self._window: Window | None = None
        self._asks_at = 0.0
        self._failures = 0
        self._next: datetime | None = None
        self._error: str | None = None
        self._has_looked = False

    def check(self) -> None:
        """Look at the settings.

        :raises SSLError: if they cannot work.
        """
        check_ca_file(self._wanted.ca_file)

    @cached_property
    def _wanted(self) -> Wanted:
        return wanted(self._settings, self._names, self._directory, self._answers.kinds)

    @property
    def status(self) -> Status:
        """How things are."""
        aim = self._wanted
        expires = None if self._kept is None else self._kept.ends
        return Status(aim.names, aim.authority, expires, self._next, self._error, self._failures)

    def startService(self) -> None:
        """Begin, as soon as the reactor runs.

        :raises SSLError: as :meth:`check`.
        """
        self.check()
        super().startService()
        self._has_looked = False
        self._failures = 0
        # Not at once: a start has enough to do without the protocol's library.
        self._asks_at = self._reactor.seconds() + _FIRST_ADVICE
        if self._timer is None and self._errand is None:
            self._sleep(0)

    def stopService(self) -> Deferred[None] | None:
        """Abandon what is under way; fires when that has ended, or is left to itself."""
        super().stopService()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._next = None
        errand, self._errand = self._errand, None
        self._answers.close()
        if errand is None:
            return None
        errand.give_up()
        ended: Deferred[None] = Deferred()
        # Whoever does not answer may take half a minute to do so.
        limit = self._reactor.callLater(_PATIENCE, ended.callback, None)

        def end(_: object) -> None:
            if limit.active():
                limit.cancel()
                ended.callback(None)

        errand.outcome.addBoth(end)
        return ended

    # From one look to the next.

    def _sleep(self, seconds: float) -> None:
        self._timer = self._reactor.callLater(max(0.0, min(seconds, _LONGEST_SLEEP)), self._look)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._reactor.seconds(), UTC)

    def _look(self) -> None:
        self._timer = None
        try:
            self._begin()
        except Exception:
            self._lost(Failure())

    def _begin(self) -> None:
        self._answers = self._make_answers()
        attempt = Attempt(
            wanted=self._wanted,
            directory=self._directory,
            answers=self._answers,
            order=self._order,
            advise=self._advise,
            now=self._now,
            window=self._window,
            asks=self._reactor.seconds() >= self._asks_at,
            per_hour=self._backoff.per_hour,
        )
        self._errand = errand = Errand(self._reactor, attempt, "duck-acme")
        errand.outcome.addCallbacks(self._looked, self._failed, (errand,), {}, (errand,), {})
        errand.outcome.addErrback(self._lost)

    def _looked(self, found: Found, errand: Errand[Found]) -> None:
        if errand is not self._errand:
            return
        self._errand, self._error = None, None
        before, self._kept = self._kept, found.kept
        is_first, self._has_looked = not self._has_looked, True
        if found.advice is not None:
            self._window = found.advice.window
            self._asks_at = self._reactor.seconds() + found.advice.again
        if found.kept is not None and (before is None or before.leaf != found.kept.leaf):
            if found.is_new or not is_first:
                self._use(found.kept)
            else:
                _log.info(
                    "certificate for {names}: valid until {ends}", names=self._title, ends=moment(found.kept.ends)
                )
        if found.fault is not None:
            self._retry(found.fault)
        elif found.wait > 0:
            self._wait(found.wait, found.why)
        elif found.kept is not None:
            self._sleep_until_renewal(found.kept, found.advice)

    @property
    def _title(self) -> str:
        return self._wanted.title

    def _use(self, kept: Kept) -> None:
        """There is another certificate."""
        self._failures = 0
        self._window = None
        self._asks_at = self._reactor.seconds() + _FIRST_ADVICE
        _log.info("certificate for {names}: issued, valid until {ends}", names=self._title, ends=moment(kept.ends))
        try:
            self._installed()
        except SSLError as error:
            _log.error("certificate for {names}: not used: {error}", names=self._title, error=error)
        except Exception:
            _log.failure("certificate for {names}: not used", names=self._title)

    def _sleep_until_renewal(self, kept: Kept, said: Advice | None) -> None:
        due = renewal_time(kept.begins, kept.ends, kept.draw, self._window)
        if due != self._next:
            why = "" if said is None or said.why is None else f" ({said.why})"
            _log.info(
                "certificate for {names}: to be renewed at {due}{why}", names=self._title, due=moment(due), why=why
            )
        self._next = due
        now = self._reactor.seconds()
        self._sleep(min(due.timestamp(), self._asks_at) - now)

    def _failed(self, failure: Failure, errand: Errand[Found]) -> None:
        """Nobody foresaw this."""
        if errand is not self._errand:
            # Given up, and so whatever became of it.
            return
        self._errand, self._has_looked = None, True
        _log.failure("certificate for {names}: the attempt failed", failure, names=self._title)
        self._retry(failure.value)

    def _retry(self, error: BaseException | None) -> None:
        self._failures += 1
        retry_after = error.retry_after if isinstance(error, AcmeError) else None
        self._wait(self._backoff.delay(self._failures, self._draw(), retry_after), _in_one_line(error))

    def _wait(self, seconds: float, why: str) -> None:
        self._error = why
        self._next = self._now() + timedelta(seconds=seconds)
        kept = self._kept
        is_valid = kept is not None and kept.ends > self._now()
        present = f"; the present one is valid until {moment(kept.ends)}" if kept is not None and is_valid else ""
        _log.warn(
            "certificate for {names}: {why}; next attempt in {wait}{present}",
            names=self._title,
            why=why,
            wait=in_words(seconds),
            present=present,
        )
        self._sleep(seconds)

    def _lost(self, failure: Failure) -> None:
        """Our own mistake must not be the last that is heard of certificates."""
        _log.failure("certificate for {names}: an error in the service", failure, names=self._title)
        if self.running and self._timer is None and self._errand is None:
            self._sleep(self._backoff.cap)


def _in_one_line(error: BaseException | None) -> str:
    if isinstance(error, OSError):
        return str(error) if error.filename is None else f"{error.filename}: {error.strerror}"
    if isinstance(error, (AcmeError, SSLError)):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _order(wanted: Wanted, answers: Answers, pause: Pause, earlier: x509.Certificate | None) -> Issued:
    # The protocol's library is loaded when it is needed, on a thread: most starts find a certificate that is valid.
    from duck_tx.https.acme.order import order

    return order(wanted, answers, pause, earlier)


def _advise(wanted: Wanted, leaf: x509.Certificate, pause: Pause) -> Advice:
    from duck_tx.https.acme.advice import advice

    return advice(wanted, leaf, pause)
