"""Finds where Django keeps static and media files, so that they can be served without a thread.

Django must be configured before anything here is called.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit


@dataclass(frozen=True, slots=True)
class FileMount:
    """Files to serve below one path prefix."""

    #: Percent-encoded as in a request line, with a slash at both ends.
    prefix: bytes
    #: An absolute directory; it may come into being later, as MEDIA_ROOT does with the first upload.
    root: str | None = None
    #: From a decoded path below the prefix to a file's absolute path, or ``None``; used instead of ``root``.
    finder: Callable[[str], str | None] | None = None
    #: Visitors can put files there, so a browser must be told not to run them.
    untrusted: bool = False


def file_mounts(*, use_finders: bool) -> tuple[FileMount, ...]:
    """The mounts that Django's settings ask for; none for files that live on another host.

    :param use_finders: take static files from where the apps keep them (no ``collectstatic`` needed), if
        ``django.contrib.staticfiles`` is installed.
    :raises ImproperlyConfigured: (Django's) if a finder is badly configured.
    """
    from django.apps import apps
    from django.conf import settings
    from django.urls import get_script_prefix, set_script_prefix

    # Django caches both URLs at the first look, with this thread's script name in them. Before the first
    # request that is "/", and looking now would leave FORCE_SCRIPT_NAME out of every link.
    before = get_script_prefix()
    set_script_prefix(settings.FORCE_SCRIPT_NAME or "/")
    try:
        static_url, media_url = settings.STATIC_URL, settings.MEDIA_URL
    finally:
        set_script_prefix(before)
    finder = _static_finder() if use_finders and apps.is_installed("django.contrib.staticfiles") else None
    mounts: dict[bytes, FileMount] = {}
    for prefix in url_prefixes(static_url, settings.FORCE_SCRIPT_NAME):
        if finder is not None:
            mounts[prefix] = FileMount(prefix, finder=finder)
        elif settings.STATIC_ROOT:
            mounts[prefix] = FileMount(prefix, os.path.abspath(settings.STATIC_ROOT))
    for prefix in url_prefixes(media_url, settings.FORCE_SCRIPT_NAME):
        if settings.MEDIA_ROOT and prefix not in mounts:
            mounts[prefix] = FileMount(prefix, os.path.abspath(settings.MEDIA_ROOT), untrusted=True)
    return tuple(mounts.values())


def url_prefixes(url: str | None, script_name: str | None = None) -> list[bytes]:
    """The path prefixes at which requests for files below ``url`` arrive; none if it is no path of ours.

    ``/`` is not one: it would hide the whole site. Where Django is told its ``script_name``, a server in
    front may have taken that off, so the rest is a prefix too.
    """
    if not url:
        return []
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    if parts.scheme or parts.netloc or not parts.path.startswith("/"):
        return []
    paths = [parts.path]
    script = "/" + script_name.strip("/") + "/" if script_name and script_name.strip("/") else "/"
    if script != "/" and parts.path.startswith(script):
        paths.append("/" + parts.path.removeprefix(script))
    whole = [path if path.endswith("/") else path + "/" for path in paths]
    return [quote(path, safe="/%:@!$&'()*+,;=~").encode() for path in whole if path.strip("/")]


def _static_finder() -> Callable[[str], str | None]:
    from django.contrib.staticfiles.finders import get_finders
    from django.core.exceptions import SuspiciousFileOperation

    finders = tuple(get_finders())

    def find(path: str) -> str | None:
        for finder in finders:
            try:
                found = finder.find(path)
            except (SuspiciousFileOperation, ValueError):
                return None
            if found:
                return os.path.abspath(found)
        return None

    return find
