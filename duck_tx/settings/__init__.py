"""The settings: what there is (schema), how it is read and checked (load), how it is shown (describe)."""

from __future__ import annotations

from duck_tx.settings.describe import as_markdown, as_text
from duck_tx.settings.load import Loaded, load, override
from duck_tx.settings.options import OPTIONS, Option
from duck_tx.settings.schema import (
    AcmeSettings,
    AutomationSettings,
    CertificateSettings,
    ContentSettings,
    GatewaySettings,
    Http2Settings,
    HttpSettings,
    HttpsSettings,
    LogSettings,
    ProxySettings,
    ReloadSettings,
    ServerSettings,
    Settings,
    SidecarSettings,
    WebSocketSettings,
)

__all__ = [
    "OPTIONS",
    "AcmeSettings",
    "AutomationSettings",
    "CertificateSettings",
    "ContentSettings",
    "GatewaySettings",
    "Http2Settings",
    "HttpSettings",
    "HttpsSettings",
    "Loaded",
    "LogSettings",
    "Option",
    "ProxySettings",
    "ReloadSettings",
    "ServerSettings",
    "Settings",
    "SidecarSettings",
    "WebSocketSettings",
    "as_markdown",
    "as_text",
    "load",
    "override",
]
