"""The settings: one frozen struct for each section, one described field for each key.

This is the only list of settings. Reading (``load``), the command line (``options``), the printed table and
the reference in the docs (``describe``) are all derived from it. To add a section, write its struct in
``sections/`` and name it in :class:`Settings`; a field whose type is again a struct makes a section within a
section (``https.acme.email``), and a list of structs is a field whose tables a file gives one by one
(``[[sidecars]]``, outside of all sections).

``Meta.description`` is what the user reads, without the unit where ``extra["unit"]`` names it.
``extra["accepted"]`` says in words what a pattern accepts. Making a struct directly checks nothing: use
``settings.override`` for values that come from outside.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from duck_tx.settings.sections.automations import AutomationSettings
from duck_tx.settings.sections.content import ContentSettings
from duck_tx.settings.sections.gateway import GatewaySettings
from duck_tx.settings.sections.http import HttpSettings
from duck_tx.settings.sections.http2 import Http2Settings
from duck_tx.settings.sections.https import AcmeSettings, CertificateSettings, HttpsSettings
from duck_tx.settings.sections.log import LogSettings
from duck_tx.settings.sections.proxy import ProxySettings
from duck_tx.settings.sections.reload import ReloadSettings
from duck_tx.settings.sections.server import ServerSettings
from duck_tx.settings.sections.sidecars import SidecarSettings
from duck_tx.settings.sections.websocket import WebSocketSettings

__all__ = [
    "AcmeSettings",
    "AutomationSettings",
    "CertificateSettings",
    "ContentSettings",
    "GatewaySettings",
    "Http2Settings",
    "HttpSettings",
    "HttpsSettings",
    "LogSettings",
    "ProxySettings",
    "ReloadSettings",
    "ServerSettings",
    "Settings",
    "SidecarSettings",
    "WebSocketSettings",
]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings; each part of the server is handed its own section."""

    server: ServerSettings = field(default_factory=ServerSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    http2: Http2Settings = field(default_factory=Http2Settings)
    https: HttpsSettings = field(default_factory=HttpsSettings)
    websocket: WebSocketSettings = field(default_factory=WebSocketSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    proxy: ProxySettings = field(default_factory=ProxySettings)
    content: ContentSettings = field(default_factory=ContentSettings)
    automations: AutomationSettings = field(default_factory=AutomationSettings)
    log: LogSettings = field(default_factory=LogSettings)
    reload: ReloadSettings = field(default_factory=ReloadSettings)
    sidecars: Annotated[
        tuple[SidecarSettings, ...],
        Meta(
            description="Programs that run beside the server, such as task workers: started and stopped with it, and"
            " started again when they end.",
            extra={"accepted": 'a list of tables, [[sidecars]] or [{command = ["celery", "-A", "mysite", "worker"]}]'},
        ),
    ] = ()
