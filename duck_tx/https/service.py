"""The certificates of a server: loaded before it listens, watched while it does, their end told in time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from duck_tx.errors import SSLError
from duck_tx.https.concern import concerns, exposed, not_covered
from duck_tx.https.credential import Credential, load_credential, moment
from duck_tx.https.expiry import EXPIRED, days_left
from duck_tx.https.folder import Pair
from duck_tx.https.selfsigned import development, notice, stand_in
from duck_tx.https.store import CertificateStore
from duck_tx.https.watch import Folder, Watch
from duck_tx.settings import HttpsSettings

__all__ = ["CertificateService"]

_log = Logger()

_KEYS_LAST = 86_400.0
"""Seconds that the keys of session tickets are used."""

_NAMES_SHOWN = 5


class CertificateService(Service):
    """Fills the store from the files that the settings name, and keeps it as they are.

    Files are small and are read where the reactor runs; on a disk that does not answer they hold it up.

    :param clock: for the looks at the files.
    :param store: where the certificates go.
    :param state_directory: has those of ACME and of development in it.
    :param names: what the server is called, the public name first.
    :param is_development: asked at the start, where the settings name no certificate.
    :param watches: look at the files again and again, and log what is found; otherwise another process does both.
    :param today: the time of day, with its zone.
    """

    def __init__(
        self,
        clock: IReactorTime,
        settings: HttpsSettings,
        store: CertificateStore,
        *,
        state_directory: Path,
        names: Sequence[str],
        is_development: Callable[[], bool],
        watches: bool = True,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._clock = clock
        self._settings = settings
        self.store = store
        self._state_directory = state_directory
        self._names = tuple(names)
        self._is_development = is_development
        self._watches = watches
        self._today = today
        self._watch = self._new_watch()
        self._is_loaded = False
        self._next: IDelayedCall | None = None
        self._keys_since = 0.0
        self._obstacle = ""
        self._told: frozenset[str] = frozenset()
        self._ends_told: dict[x509.Certificate, int] = {}

    def _new_watch(self) -> Watch:
        settings = self._settings
        named = [(settings.certfile, settings.private_key)] if settings.certfile else []
        named += [(each.certfile, each.private_key) for each in settings.certificates]
        # The application may change the current directory while the files are watched.
        folders = [Folder(Path(settings.folder).absolute())] if settings.folder else []
        if settings.acme.email is not None:
            folders.append(Folder(self._state_directory / "acme" / "live", may_lack=True))
        pairs = [Pair(Path(certfile).absolute(), Path(key).absolute() if key else None) for certfile, key in named]
        return Watch(pairs, folders, self._read)

    def _read(self, pair: Pair, now: datetime) -> Credential:
        credential = load_credential(pair.certfile, pair.private_key, now=now)
        self.store.try_out(credential)
        return credential

    # Before and at the start.

    def check(self) -> None:
        """Look whether the files that the settings name can be used.

        Whether something can stand in where they name none, only the start knows.

        :raises SSLError: the first thing that is wrong; any others are logged.
        """
        self._read_all(self._new_watch())

    def privilegedStartService(self) -> None:
        """Read the files, which a lesser user may not be allowed to.

        :raises SSLError: as :meth:`check`.
        """
        super().privilegedStartService()
        self._read_all(self._watch)
        if self._watch.credentials:
            self._serve(self._watch.credentials)
        self._is_loaded = True

    def startService(self) -> None:
        """Have something to show, and begin to watch.

        :raises SSLError: if there is no certificate, and nothing may stand in for one.
        """
        if not self._is_loaded:
            self.privilegedStartService()
        if not self._watch.credentials:
            self._serve([self._made_here()])
        super().startService()
        if not self._watches:
            return
        self._tell_ends()
        self._keys_since = self._clock.seconds()
        self._next = self._clock.callLater(self._settings.watch_interval, self._look)

    def stopService(self) -> Deferred[None]:
        """Watch no longer; what is in use stays so."""
        super().stopService()
        self._is_loaded = False
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None
        return succeed(None)

    def _read_all(self, watch: Watch) -> None:
        now = self._today()
        faults = watch.read_all(now)
        fatal = [fault for fault in faults if fault.is_grave]
        if not fatal and not watch.credentials and self._settings.acme.email is None:
            fatal = faults
        for fault in fatal[1:]:
            _log.critical("duck: {error}", error=fault.error)
        if fatal:
            raise fatal[0].error
        self._warn([f"left out: {fault.error}" for fault in faults], watch, now)

    def _made_here(self) -> Credential:
        """What is shown while there is nothing better.

        :raises SSLError: if there has to be.
        """
        settings = self._settings
        if settings.acme.email is not None:
            if self._watches:
                _log.info("a stand-in certificate is shown until one has been issued")
            return stand_in(settings.acme.names or self._names, now=self._today())
        if settings.folder is not None:
            raise SSLError(
                f"{settings.folder}: there is no certificate in this folder. Put a folder into it for each, with"
                " fullchain.pem and privkey.pem."
            )
        if not self._is_development():
            raise SSLError(
                "there is no certificate for HTTPS. Name one with --certfile and --private-key, or have one issued with"
                " --acme EMAIL; with server.debug on, one is made that only this machine trusts."
            )
        directory = self._state_directory / "development"
        made = development(directory, self._names, now=self._today())
        if self._watches:
            _log.warn("{notice}", notice=notice(directory))
        return made

    # While it runs.

    def reload(self) -> Sequence[Credential]:
        """Read all files anew and serve what they hold.

        :return: what is served now.
        :raises SSLError: the first thing that is wrong; what was served in its place still is, all else is new.
        """
        faults = self._watch.read_all(self._today())
        self._refresh()
        for fault in faults[1:]:
            _log.error("change not taken over: {error}", error=fault.error)
        if faults:
            raise faults[0].error
        return self.store.credentials

    def _look(self) -> None:
        try:
            for fault in self._watch.look(self._today()):
                _log.error("change not taken over: {error}", error=fault.error)
            self._refresh()
            self._renew_keys()
            self._tell_ends()
            self._obstacle = ""
        except SSLError as error:
            # The next look will find the same.
            if str(error) != self._obstacle:
                _log.error("{error}", error=error)
            self._obstacle = str(error)
        except Exception:
            _log.failure("looking at the certificates failed")
        finally:
            self._next = self._clock.callLater(self._settings.watch_interval, self._look)

    def _renew_keys(self) -> None:
        """Change the keys of session tickets once a day."""
        now = self._clock.seconds()
        if now - self._keys_since >= _KEYS_LAST:
            self._keys_since = now
            self.store.renew()

    def _refresh(self) -> None:
        """Serve what the files hold now, if that is something else."""
        credentials, served = self._watch.credentials, self.store.credentials
        now = self._today()
        if not credentials:
            # Files that went away are no reason to serve nothing; but what was made here is renewed here.
            if not all(each.is_development and days_left(each.chain[0], now) is not None for each in served):
                return
            credentials = (self._made_here(),)
        if [each.chain for each in credentials] != [each.chain for each in served]:
            self._serve(credentials)
            self._warn([], self._watch, now)

    def _serve(self, credentials: Sequence[Credential]) -> None:
        known = self.store.credentials
        self.store.use(credentials)
        for each in credentials:
            if each not in known and self._watches:
                _log.info(
                    "{source}: serving the certificate for {names}, valid until {end}",
                    source=each.source,
                    names=_some(each.names),
                    end=moment(each.expires),
                )

    def _warn(self, others: Iterable[str], watch: Watch, now: datetime) -> None:
        """Log what is not as it should be, each line once as long as it holds."""
        if not self._watches:
            return
        credentials = watch.credentials
        lines = [*others, *(line for each in credentials for line in concerns(each, now))]
        lines += [line for pair in watch.pairs if (line := exposed(pair.key_file))]
        if credentials:
            lines += not_covered(self._names, credentials)
        for line in lines:
            if line not in self._told:
                _log.warn("{line}", line=line)
        self._told = frozenset(lines)

    def _tell_ends(self) -> None:
        """Log which certificates expire soon, once a day, and which have expired, once."""
        now = self._today()
        ends: dict[x509.Certificate, int] = {}
        for each in self.store.credentials:
            left = None if each.is_development else days_left(each.chain[0], now)
            if left is None:
                continue
            ends[each.chain[0]] = left
            if self._ends_told.get(each.chain[0]) == left:
                continue
            told = {"source": each.source, "names": _some(each.names), "end": moment(each.expires)}
            if left == EXPIRED:
                _log.error("{source}: the certificate for {names} expired on {end} and is served on; renew it", **told)
            else:
                days = {0: "less than a day", 1: "1 day"}.get(left, f"{left} days")
                _log.warn(
                    "{source}: the certificate for {names} expires in {days}, on {end}; renew it", days=days, **told
                )
        self._ends_told = ends


def _some(names: Sequence[str]) -> str:
    """Names for a line of the log; a certificate may have a hundred."""
    shown = ", ".join(names[:_NAMES_SHOWN]) or "nobody"
    return shown if len(names) <= _NAMES_SHOWN else f"{shown} and {len(names) - _NAMES_SHOWN} more"
