"""The MicroApp: a small site of its own, alone, in the tree of an App, or mounted on its server."""

from __future__ import annotations

import inspect
import os
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from twisted.web.resource import IResource

from duck_tx import uris
from duck_tx.app import App
from duck_tx.errors import ApplicationError
from duck_tx.micro.site import MicroSite
from duck_tx.micro.spec import Kind, MicroSpec
from duck_tx.place import state_directory
from duck_tx.settings import Settings, load, override

__all__ = ["MicroApp"]

_log = Logger()

_PREFIX = re.compile(r"/(?:[!\"$->@-~]*/)?")
_HOST = re.compile(r"(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]")


class MicroApp:
    """A small site, independent of others: an error in it touches none of them.

    Override one of two methods::

        class Hello(MicroApp):
            def view(self, request):            # on a thread
                return f"Hello, {request.GET.get('name', 'world')}!"

        class Sum(MicroApp):
            async def async_view(self, request):        # on the reactor
                return {"sum": await some_deferred}

    or give something else that answers.  What a view is given is a ``django.http.HttpRequest``, whether there is a
    Django project or not; it returns text or bytes (a page), a dict or a list (JSON), or any of Django's responses.

    It stands alone (:meth:`run`, or :attr:`service` in a ``.tac`` file); or, with ``parent_app``, it has its port in
    that App's tree, and starts, restarts and stops with it; or, with ``prefix`` or ``host`` too, it has no port, but
    answers at the public one of its App.

    :param addr: the address or host name to bind.
    :param port: its port; 0 picks a free one.
    :param parent_app: the App that it belongs to.
    :param domain: the public name in its URIs; by default the address.
    :param uses_ipv6: bind IPv6; a wildcard then serves IPv4 as well.
    :param enable_https: speak TLS, with the certificates of the App, or those that the settings name.
    :param no_logs: leave its requests out of the access log.
    :param workers: how many threads at most; with ``force_worker_processes``, how many processes.
    :param force_worker_processes: the workers are processes.  In an App those are the App's, which serve it too.
    :param resource: any ``IResource`` of Twisted's, called on the reactor thread.
    :param wsgi: a WSGI application, called on threads.
    :param asgi: an ASGI application.
    :param prefix: the path of the App's server below which it answers, such as ``/api/``.
    :param host: the host that it answers for there; ``*.duck.example`` stands for every name below.
    :param settings: a :class:`duck_tx.Settings` for one that stands alone; by default what ``duck.toml`` and the
        environment say.  The arguments above win over it.
    :param reactor: for one that stands alone; the global one by default.
    :raises ApplicationError: if an argument is wrong, or does not go with another, or its port is wanted by something
        else of its App (then it is a :class:`duck_tx.PortError`).
    """

    def __init__(
        self,
        addr: str = "localhost",
        port: int = 8080,
        parent_app: App | None = None,
        domain: str | None = None,
        uses_ipv6: bool = False,
        enable_https: bool = False,
        no_logs: bool = True,
        workers: int | None = None,
        force_worker_processes: bool = False,
        *,
        resource: IResource | None = None,
        wsgi: Any = None,
        asgi: Any = None,
        prefix: str | None = None,
        host: str | None = None,
        settings: Settings | None = None,
        reactor: Any = None,
    ) -> None:
        name = type(self).__name__
        if parent_app is not None and not isinstance(parent_app, App):
            raise _wrong(name, f"parent_app = {parent_app!r} is no App")
        kind, target = self._answerer(name, {"resource": resource, "wsgi": wsgi, "asgi": asgi})
        values = {
            "server.addr": addr,
            "server.port": port,
            "server.domain": domain,
            "server.uses_ipv6": uses_ipv6,
            "server.workers": workers,
            "server.force_worker_processes": force_worker_processes,
            "https.enabled": enable_https,
            "log.access": not no_logs,
        }
        # Whatever is wrong with one of them is said as of any setting.
        override(Settings(), values, f"{name}()")
        mount = _mount(name, prefix, host)
        if mount is None:
            pass
        elif parent_app is None:
            raise _wrong(name, "a micro app is mounted with prefix and host on the server of an App: give parent_app")
        elif (addr, port, domain, uses_ipv6, enable_https) != ("localhost", 8080, None, False, False):
            raise _wrong(
                name,
                "one that is mounted with prefix or host answers at the App's own port: leave addr, port, domain,"
                " uses_ipv6 and enable_https out, or prefix and host",
            )
        elif mount == b"/" and host is None and parent_app.settings.gateway.enabled:
            raise _wrong(
                name, "prefix = '/' would leave nothing for the App's own site: give a host too, or a longer one"
            )
        if parent_app is not None and (settings is not None or reactor is not None):
            raise _wrong(name, "settings and reactor are those of its App: leave them out")
        self._name = name
        self._parent = parent_app
        self._spec = MicroSpec(
            name=name,
            kind=kind,
            target=target,
            addr=addr,
            port=port,
            domain=domain,
            uses_ipv6=uses_ipv6,
            https=enable_https,
            logs=not no_logs,
            threads=None if force_worker_processes else workers,
            prefix=mount,
            host=host,
        )
        self._values, self._settings, self._reactor = values, settings, reactor
        self._uri = ""
        self._site: MicroSite | None = None
        self._app: App | None = parent_app
        if parent_app is not None:
            if force_worker_processes and parent_app.tree.workers is None:
                raise _wrong(
                    name,
                    "in an App it is served by the worker processes of that, which has none: give the App"
                    " force_worker_processes, or run the micro app alone",
                )
            self._site = parent_app.tree.add_microapp(self._spec)

    def _answerer(self, name: str, given: dict[Kind, Any]) -> tuple[Kind, Any]:
        """What answers."""
        kinds: dict[Kind, Any] = {kind: target for kind, target in given.items() if target is not None}
        if type(self).view is not MicroApp.view:
            kinds["view"] = self.view
        if type(self).async_view is not MicroApp.async_view:
            kinds["async_view"] = self.async_view
        if len(kinds) != 1:
            found = " and ".join(kinds) or "nothing"
            raise _wrong(
                name, f"{found} to answer with: override view() or async_view(), or give one of resource, wsgi and asgi"
            )
        kind, target = kinds.popitem()
        if kind == "view" and inspect.iscoroutinefunction(target):
            raise _wrong(name, "view() is called on a thread and cannot be a coroutine: call it async_view")
        if kind == "resource" and not IResource.providedBy(target):
            raise _wrong(name, f"resource = {target!r} is no IResource")
        if kind != "resource" and not callable(target):
            raise _wrong(name, f"{kind} = {target!r} cannot be called")
        return kind, target

    def __getstate__(self) -> dict[str, Any]:
        """What goes to worker processes: not what belongs to this one, but where it is."""
        here = dict.fromkeys(("_parent", "_app", "_site", "_settings", "_reactor"))
        return {**self.__dict__, **here, "_uri": self.absolute_uri}

    # What it answers.

    def view(self, request: Any) -> Any:
        """Answer a request, on a thread; to be overridden.

        :param request: a ``django.http.HttpRequest``.
        :return: text or bytes, a page in HTML; a dict or a list, sent as JSON; or a response of Django's.
        """
        raise NotImplementedError

    async def async_view(self, request: Any) -> Any:
        """Answer a request, on the reactor thread; to be overridden.

        It can await Deferreds, and is cancelled when the client leaves.

        :param request: a ``django.http.HttpRequest``.
        :return: as :meth:`view`.
        """
        raise NotImplementedError

    # Where it is.

    @property
    def parent_app(self) -> App | None:
        """The App that it belongs to; ``None``, if it stands alone."""
        return self._parent

    @property
    def addr(self) -> str:
        """The address or name it binds; the App's, where it is mounted."""
        return self._spec.addr if self._spec.prefix is None or self._parent is None else self._parent.addr

    @property
    def port(self) -> int:
        """The port in use; the one asked for until it is bound."""
        if self._spec.prefix is None:
            return self._spec.port if self._app is None else self._port_in(self._app)
        return self._app.port if self._app is not None else self._spec.port

    def _port_in(self, app: App) -> int:
        return app.port if self._site is None or self._site.server is None else self._site.port

    @property
    def DOMAIN(self) -> str:
        """The public name in its URIs."""
        return self.absolute_uri.partition("://")[2].partition("/")[0].removesuffix(f":{self.port}")

    @property
    def absolute_uri(self) -> str:
        """``http://host[:port]``, or with ``https``; with the prefix behind it where it is mounted with one."""
        if self._uri:
            return self._uri
        if self._site is not None and self._parent is not None:
            return self._site.uri(self._parent.absolute_uri)
        spec = self._spec
        return uris.absolute_uri(uris.public_host(spec.domain, spec.addr), self.port, is_secure=spec.https)

    def build_absolute_uri(self, path: str) -> str:
        """``path``, as this app knows it, as an absolute URI; percent-encoding in it is kept byte for byte."""
        base = f"{self.absolute_uri}/"
        # Its root is where it is mounted.
        return uris.join(base, path if path.startswith("//") else path.removeprefix("/"))

    @property
    def server_up(self) -> bool:
        """Whether it answers requests."""
        if self._app is None:
            return False
        roster = self._app.tree.microapps
        return roster is not None and self._site is not None and roster.is_up(self._site)

    # Its life.

    @property
    def service(self) -> MultiService:
        """The service tree, for a ``.tac`` file: that of its App, if it has one."""
        return self._home().service

    def run(self, print_ansi_art: bool = True) -> None:
        """Start, and run the reactor until it is stopped; in an App, that is :meth:`duck_tx.App.run`.

        :param print_ansi_art: print a banner first, on a terminal.
        :raises SystemExit: as there.
        """
        self._home().run(print_ansi_art)

    def start_server(self) -> Deferred[None]:
        """Start it, without signals and control socket if it stands alone; fires when it answers.

        In an App this starts it alone, and what it needs: Django, if there is a project.
        """
        parent, site = self._parent, self._site
        if parent is None:
            return self._home(is_guest=True).start()
        if site is None or parent.tree.workers is not None:
            return self._with_workers(parent, parent.start_server)
        return Deferred.fromCoroutine(self._start(parent, site))

    async def _start(self, parent: App, site: MicroSite) -> None:
        if self._spec.kind in ("view", "async_view"):
            await parent.start_django_server()
        tree = parent.tree.service
        if self._spec.https:
            await tree.start_child("certificates")
        await tree.start_child(site.key)

    def stop(self, log_to_console: bool = True, no_exit: bool = False) -> Deferred[None]:
        """Stop it with grace; fires when it is down.

        In an App everything else stays up; alone, the reactor stops as well.

        :param log_to_console: say so in the log.
        :param no_exit: leave the reactor running.
        """
        parent, site = self._parent, self._site
        if parent is None:
            return succeed(None) if self._app is None else self._app.stop(log_to_console, no_exit)
        if site is None or parent.tree.workers is not None:
            return self._with_workers(parent, lambda: succeed(None))
        if log_to_console:
            _log.info("stopping the micro app {name}", name=self._name)
        return parent.tree.service.stop_child(site.key)

    def _with_workers(self, parent: App, otherwise: Any) -> Deferred[None]:
        if parent.tree.is_serving:
            return fail(
                _wrong(self._name, "it is served by the worker processes of its App, and starts and stops with them")
            )
        return otherwise()

    def _renew_threads(self) -> None:
        """Take new threads; the old ones finish what they have."""
        if self._site is not None:
            self._site.renew_threads()

    def _home(self, *, is_guest: bool = False) -> App:
        """The App that it lives in: its own, if it stands alone."""
        if self._app is None:
            app = self._app = _Alone(
                self._name,
                settings=self._alone(self._settings),
                reactor=self._reactor,
                reload_settings=partial(self._alone, self._settings),
                disable_signal_handler=is_guest,
                disable_ipc_handler=is_guest,
            )
            # That server is all its own.
            self._site = app.tree.add_microapp(replace(self._spec, prefix=b"/", https=False))
        return self._app

    def _alone(self, given: Settings | None) -> Settings:
        """The settings of one that stands alone."""
        base = given or load(directory=Path.cwd(), environ=os.environ, options={}).settings
        values = {
            **self._values,
            "server.state_dir": str(state_directory(base, None) / f"micro-{self._spec.port}"),
            "server.process_name": f"{base.server.process_name}: {self._name}",
            "server.preload": base.server.preload and self._values["server.force_worker_processes"],
            "https.acme.email": base.https.acme.email if self._spec.https else None,
            # What else there is belongs to the site of these settings.
            "https.force": False,
            "gateway.enabled": False,
            "gateway.addr": None,
            "gateway.external": False,
            "automations.enabled": False,
            "proxy.routes": (),
            "sidecars": (),
        }
        return override(base, values, f"{self._name}()").settings


class _Alone(App):
    """The App of a micro app that stands alone; there may be more of them, beside the one App of a process."""

    def __init__(self, name: str, **arguments: Any) -> None:
        self._port_option = f"port= in {name}()"
        super().__init__(**arguments)

    def _claim(self) -> None:
        """There is nothing to be the only one of."""


def _mount(name: str, prefix: str | None, host: str | None) -> bytes | None:
    """The prefix of a micro app that is mounted, with a slash at both ends; ``None`` where it is not."""
    if host is not None and not (isinstance(host, str) and _HOST.fullmatch(host)):
        raise _wrong(name, f"host = {host!r}: give a host name without a port, with *. in front for all below")
    if prefix is None:
        return None if host is None else b"/"
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(f"{prefix.rstrip('/')}/"):
        raise _wrong(
            name, f"prefix = {prefix!r}: give a path that begins with a slash, percent-encoded, without ? and #"
        )
    return f"{prefix.rstrip('/')}/".encode("ascii")


def _wrong(name: str, what: str) -> ApplicationError:
    return ApplicationError(f"{name}(): {what}.")
