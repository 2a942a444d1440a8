"""Strict-Transport-Security (RFC 6797): what browsers are told about coming by HTTPS only."""

from __future__ import annotations

from duck_tx.settings import HttpsSettings

__all__ = ["YEAR", "hsts_value"]

YEAR = 31_536_000
"""Seconds; the least that browsers want for their preload lists."""


def hsts_value(settings: HttpsSettings, *, is_development: bool) -> bytes | None:
    """The value of the header field, or None if it is not sent.

    It belongs into responses over TLS only (RFC 6797 7.2).  Without a setting, browsers are told where plain HTTP is
    redirected anyway, but not to remember a developer's ``localhost``, which is shared by all that is developed there.

    ``https.hsts = 0`` sends nothing, and browsers go on with what they were told.  To take it back, ``https.hsts = 1``
    has them forget after a second, which is what the RFC's ``max-age=0`` does.

    :param is_development: the server serves a project in development.
    """
    seconds = settings.hsts
    if seconds is None:
        seconds = YEAR if settings.force and not is_development else 0
    if not seconds:
        return None
    value = b"max-age=%d" % seconds
    if settings.hsts_subdomains:
        value += b"; includeSubDomains"
    if settings.hsts_preload:
        value += b"; preload"
    return value
