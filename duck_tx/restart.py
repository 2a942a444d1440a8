"""The restart: new code and new settings, without a request lost."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.errors import ApplicationError
from duck_tx.life import Life
from duck_tx.process import age, trial
from duck_tx.process.again import Again, CommandLine, again, command_line, runner_of, table_of
from duck_tx.process.again import trial as trial_of
from duck_tx.process.check import run_checks, tell
from duck_tx.process.child import environ_of_child
from duck_tx.process.endpoint import endpoints
from duck_tx.process.exit import exit_through
from duck_tx.process.inherited import named, without
from duck_tx.process.reexec import reexec
from duck_tx.process.roll import HalfRestarted
from duck_tx.process.threads import despite_threads
from duck_tx.promise import follow
from duck_tx.serving import processes
from duck_tx.settings import Settings, override
from duck_tx.settings.fields import FIELDS
from duck_tx.tree import Tree

__all__ = ["Restart", "changed", "look", "own_environment", "ports_kept"]

_log = Logger()

_OF_MAIN = (
    "server.",
    "https.enabled",
    "https.force",
    "https.redirect_port",
    "https.acme.",
    "gateway.addr",
    "gateway.external",
    "sidecars",
    "reload.",
)
"""The settings that the main process of several goes by."""

_OF_WORKERS = frozenset(
    {
        "server.backlog",
        "server.debug",
        "server.domain",
        "server.grace",
        "server.max_age",
        "server.max_memory",
        "server.max_requests",
        "server.max_requests_jitter",
        "server.preload",
        "server.worker_timeout",
    }
)
"""Those of them that it does not."""


def own_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What the next life is given: the environment as it was at first, without what was for this life alone."""
    kept = without(environ)
    for variable in (age.VARIABLE, trial.VARIABLE):
        kept.pop(variable, None)
    return kept


def changed(old: Settings, new: Settings) -> list[str]:
    """The keys whose values differ."""
    return [key for key in FIELDS if _value(old, key) != _value(new, key)]


def _value(settings: Any, key: str) -> object:
    for name in key.split("."):
        settings = getattr(settings, name)
    return settings


def ports_kept(old: Settings, new: Settings) -> list[str]:
    """The listening sockets that are the same with new settings, by name."""
    earlier = endpoints(old)
    return [name for name, endpoint in endpoints(new).items() if earlier.get(name) == endpoint]


def look(tree: Tree, ports: frozenset[str], emit: Callable[[str], object]) -> None:
    """What a trial does: check and load what ``tree`` would serve, and if all is well, run its startup commands.

    :param ports: those that need no look.
    :param emit: gets what the startup commands print, line by line.
    :raises ApplicationError: with all that is wrong.
    """
    if not tree.settings.server.no_checks:
        run_checks(tree.checks(ports))
    # Only here, as a trial alone has to see them.
    from duck_tx.automating import look as look_at_automations

    automations = partial(look_at_automations, tree.settings, tree.state_directory)
    # On a thread, as at any start: where an event loop runs, Django refuses the database.  Nobody else needs this one
    # meanwhile.
    with ThreadPoolExecutor(1, "duck-load") as thread:
        if tree.project is None:
            thread.submit(automations).result()
        else:
            thread.submit(tree.gateway.try_out, emit, automations).result()


class Restart:
    """Restarts one App, one at a time.

    :param tree: what runs.
    :param life: how it runs.
    :param reactor: where.
    :param environ: that of the next life.
    :param directory: where this process was started.
    :param reload: reads the settings anew.
    """

    def __init__(
        self,
        tree: Tree,
        life: Life,
        reactor: Any,
        *,
        environ: Mapping[str, str],
        directory: str,
        reload: Callable[[], Settings],
    ) -> None:
        self._tree = tree
        self._life = life
        self._reactor = reactor
        self._environ = environ
        self._directory = directory
        self._reload = reload
        self._workers_set = processes(tree.settings)
        self._trying: Deferred[tuple[str, ...]] | None = None
        self._going: Deferred[None] | None = None
        self._has_given_up = False

    def begin(self) -> Deferred[tuple[str, ...]]:
        """Restart.  Where this process serves, this fires when the new code has been tried, and it is about to end;
        where workers do, when they are all new.

        :return: the keys of settings that were changed, and will be as set only after a stop and a start.
        :raises ApplicationError: with the lines that say why not, by way of the Deferred; the old code serves on then.
        :raises HalfRestarted: the same way, if some workers have the new code, and others still the old.
        """
        if any(doing is not None and not doing.called for doing in (self._trying, self._going)):
            return fail(ApplicationError("a restart is under way already.")).addErrback(_say)
        self._has_given_up = False
        trying = self._trying = Deferred.fromCoroutine(self._begin())
        trying.addErrback(self._not_restarted)
        # Whoever waits may leave; the restart goes on.
        follower = follow(trying)
        trying.addErrback(lambda failure: ())
        return follower

    def _not_restarted(self, failure: Failure) -> Failure:
        if self._has_given_up:
            _log.info("not restarted: the server stops")
            return failure
        _say(failure)
        if not failure.check(HalfRestarted):
            _log.warn("not restarted: the old code serves on")
        return failure

    def give_up(self) -> None:
        """There is going to be a stop."""
        self._has_given_up = True
        for doing in (self._trying, self._going):
            if doing is not None:
                doing.cancel()
        if self._tree.notify is not None:
            self._tree.notify.stop_instead()

    async def _begin(self) -> tuple[str, ...]:
        if self._life.is_guest or not (self._life.is_host or runner_of(sys.modules)):
            raise ApplicationError(
                "only a process of its own can be restarted: one of twistd, twist, python -m duck_tx or App.run()."
            )
        if not self._tree.is_serving:
            raise ApplicationError("the server is not up, so there is nothing to restart.")
        told = self._tree.notify
        if told is not None:
            told.say_reloading()
        try:
            fresh = self._reload()
            if self._tree.workers is not None:
                waiting = await self._roll(fresh)
                if told is not None:
                    told.say_ready()
                return waiting
            line = self._line()
            next_life = again(line, self._table(line))
            _check_log(next_life.log)
            apps = self._tree.microapps
            # Where micro apps listen is in their keys, and whether they still do is for the new code to say.
            kept = [*ports_kept(self._tree.settings, fresh), *(() if apps is None else apps.ports)]
            await self._try(line, kept)
        except CancelledError:
            raise ApplicationError("the server was stopped before it was restarted.") from None
        except BaseException:
            if told is not None:
                told.say_ready()
            raise
        self._going = Deferred.fromCoroutine(self._go(next_life, kept))
        self._going.addErrback(lambda failure: _log.failure("the restart failed", failure=failure))
        return ()

    def _line(self) -> CommandLine:
        runner = "" if self._life.is_host else runner_of(sys.modules)
        return command_line(
            sys.orig_argv, sys.argv, executable=sys.executable, runner=runner, directory=self._directory
        )

    def _table(self, line: CommandLine) -> Any:
        return table_of(line.runner) if line.runner else None

    async def _try(self, line: CommandLine, ports: Iterable[str]) -> None:
        attempt = trial_of(line, self._table(line))
        _log.info("restarting: the new code is tried first")
        await trial.Trial(self._reactor, ports).run(
            attempt.command, directory=attempt.directory, environ=environ_of_child(self._environ)
        )

    async def _go(self, next_life: Again, ports: Iterable[str]) -> None:
        """Finish with everybody, and go."""
        tree = self._tree
        services = tree.serving.ports
        _log.info("restarting: the new code can be loaded, finishing what is in flight")
        # The port accepts meanwhile, so that nobody waits for those who take long.
        going = [each.let_go() for each in services.values()]
        going.append(tree.gateway.let_go(tree.settings.server.grace))
        going += [app.let_go(tree.settings.server.grace) for app in tree.microapps or ()]
        if tree.serving.automations is not None:
            # The next life begins what is due from now on.
            going.append(tree.serving.automations.let_go(tree.settings.server.grace))
        try:
            await gatherResults([Deferred.fromCoroutine(each) for each in going], consumeErrors=True)
        except Exception:
            if not self._has_given_up:
                # There is no way back, and the next life is as good as ever.
                _log.failure("restarting: not all that is in flight can be waited for")
        if self._has_given_up:
            return
        kept = [name for name in ports if name in services]
        sole = [name for name in kept if not services[name].is_shared]
        sockets = {name: services[name].hand_on() for name in kept}
        # No longer an object that closes it when the interpreter lets go of everything.
        numbers = {name: sock.detach() for name, sock in sockets.items() if sock is not None}
        environ = {**self._environ, **named(numbers, sole), **age.stamped()}
        # Until the next life has handlers, these would end or suspend it.
        tree.signals.ignore_later(signal.SIGHUP, signal.SIGUSR1, signal.SIGTTIN, signal.SIGTTOU)
        with suppress(CancelledError):
            await self._life.replace(partial(self._turn, next_life, environ, list(numbers.values())))
        if self._has_given_up:
            for number in numbers.values():
                os.close(number)

    def _turn(self, next_life: Again, environ: Mapping[str, str], descriptors: list[int]) -> None:
        # A program of one's own may start others before it makes its App: those would hold signals back for good.
        is_own = self._life.is_host and getattr(sys.modules["__main__"], "__package__", None) != "duck_tx"
        act = reexec(next_life, environ, descriptors, holds=not is_own)
        exit_through(act)
        self._reactor.addSystemEventTrigger("after", "shutdown", despite_threads, act)

    async def _roll(self, fresh: Settings) -> tuple[str, ...]:
        workers, solo = self._tree.workers, self._tree.solo
        assert workers is not None and solo is not None
        count = processes(fresh)
        waiting = [
            key
            for key in changed(self._tree.settings, fresh)
            if key.startswith(_OF_MAIN) and key not in _OF_WORKERS and not (count and key == "server.workers")
        ]
        if waiting:
            _log.warn("restarting: {keys} will be as set after a stop and a start", keys=", ".join(waiting))
        _log.info("restarting: one worker after the other is replaced by one with the new code")
        as_before = {key: _value(self._tree.settings, key) for key in waiting}
        settings = override(fresh, as_before, "the main process").settings
        await solo.roll(settings, lambda runs_commands: workers.roll(settings, runs_commands=runs_commands))
        if count and count != self._workers_set:
            # Otherwise there may be another number by now, which somebody has asked for since.
            self._workers_set = count
            await workers.resize(count)
        _log.info("restarted: the workers serve the new code")
        # This process has not begun again, so what it keeps in the state directory is as old as it.
        if self._tree.control is not None:
            self._tree.control.renew()
        self._tree.meta.renew()
        return tuple(waiting)


def _say(failure: Failure) -> Failure:
    if isinstance(failure.value, ApplicationError):
        tell(failure.value)
    return failure


def _check_log(log: str) -> None:
    """See that the next life can go on with a log that this one may have opened with other privileges.

    :raises ApplicationError: if not.
    """
    place = log if os.path.exists(log) else os.path.dirname(log)
    if log and not os.access(place, os.W_OK):
        raise ApplicationError(
            f"the log {log} could not be opened again: this user cannot write to {place}. Give it to the user that the "
            "server runs as."
        )
