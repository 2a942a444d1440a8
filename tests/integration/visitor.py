"""Somebody who visits a site: keeps cookies, finds the token of a form, follows no redirect by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http.cookies import SimpleCookie
from urllib.parse import urlencode
from uuid import uuid4

from tests.integration.server import Answer, Server

__all__ = ["Upload", "Visitor", "multipart"]

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')

Upload = tuple[str, str, bytes]
"""Field, file name, content."""


class Visitor:
    """One visitor of one server.

    :ivar cookies: by name, as the site has set them.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.cookies: dict[str, str] = {}
        self._token = ""

    def get(self, path: str, **headers: str) -> Answer:
        """Look at a page; the token of its form is kept for :meth:`post`."""
        return self._ask("GET", path, None, headers)

    def post(
        self, path: str, fields: Mapping[str, str], uploads: Iterable[Upload] = (), *, token: bool = True
    ) -> Answer:
        """Send the form of the page that was looked at last.

        :param token: send its CSRF token along.
        """
        if token:
            fields = {"csrfmiddlewaretoken": self._token, **fields}
        uploads = list(uploads)
        if uploads:
            body, kind = multipart(fields, uploads)
        else:
            body, kind = urlencode(fields).encode(), "application/x-www-form-urlencoded"
        return self._ask("POST", path, body, {"Content-Type": kind})

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        if self.cookies:
            headers = {**headers, "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        answer = self.server.request(method, path, body, headers)
        for line in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        found = _TOKEN.search(answer.body.decode(errors="replace"))
        self._token = found[1] if found else self._token
        return answer


def multipart(fields: Mapping[str, str], uploads: Iterable[Upload]) -> tuple[bytes, str]:
    """A form with files: the body and its content type (RFC 7578)."""
    boundary = uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, file, content in uploads:
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        parts += [head.encode(), content, b"\r\n"]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"
