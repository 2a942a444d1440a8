"""An ACME server that says what a test has it say: for what a real authority cannot be brought to say."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from unittest import TestCase

from duck_tx.https.acme.wanted import Binding, Wanted

__all__ = ["Answer", "ScriptedAuthority", "problem"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One response; a body that is no bytes is sent as JSON."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def problem(code: str, detail: str, status: int = 403, **headers: str) -> Answer:
    """A problem document."""
    body = {"type": f"urn:ietf:params:acme:error:{code}", "detail": detail}
    return Answer(body, status, {"Content-Type": "application/problem+json"} | headers)


class ScriptedAuthority:
    """Listens on 127.0.0.1 until its test is over, without TLS.

    A path has a list of answers; the last is repeated.  Those for the directory, nonces and accounts are there.

    :ivar uri: of the server, without a path.
    :ivar asked: what was asked for, as path and payload; ``None`` is a POST-as-GET.
    :ivar heads: the protected headers of what was signed, by path.
    """

    def __init__(self, test: TestCase) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.heads: dict[str, list[dict[str, Any]]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._server.server_port}"
        self.answers: dict[str, list[Answer]] = {}
        self.on("/nonce", Answer())
        self.on("/account", Answer({"status": "valid"}, 201, {"Location": f"{self.uri}/account/1"}))
        self.offer()
        thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        test.addCleanup(thread.join)
        test.addCleanup(self._server.server_close)
        test.addCleanup(self._server.shutdown)

    def offer(self, **more: str) -> None:
        """Have a directory, with more in it than usual."""
        usual = {"newNonce": "/nonce", "newAccount": "/account", "newOrder": "/order"}
        self.on("/directory", Answer({name: self.uri + path for name, path in (usual | more).items()}))

    def on(self, path: str, *answers: Answer) -> None:
        """What to answer at ``path``."""
        self.answers[path] = list(answers)

    def payloads(self, path: str) -> list[Any]:
        """What was sent to ``path``."""
        return [payload for asked, payload in self.asked if asked == path]

    def wanted(self, directory: Path, *names: str, binding: Binding | None = None) -> Wanted:
        """A certificate of this authority."""
        return Wanted(
            names=names or ("example.org",),
            authority=f"{self.uri}/directory",
            email="you@example.org",
            ca_file=None,
            challenges=("tls-alpn-01", "http-01"),
            account=directory / "account",
            binding=binding,
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        authority = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                authority.asked.append((self.path, None))
                self._answer()

            do_HEAD = do_GET

            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                authority.asked.append((self.path, _decoded(message["payload"])))
                authority.heads.setdefault(self.path, []).append(_decoded(message["protected"]))
                self._answer()

            def _answer(self) -> None:
                answers = authority.answers.get(self.path) or [Answer(b"nothing here", 404)]
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                is_json = not isinstance(answer.body, bytes)
                body = json.dumps(answer.body).encode() if is_json else answer.body
                headers = {"Content-Type": "application/json"} if is_json else {}
                nonce = base64.urlsafe_b64encode(b"%016d" % len(authority.asked)).decode().rstrip("=")
                headers |= {"Replay-Nonce": nonce, "Content-Length": str(len(body)), **answer.headers}
                self.send_response(answer.status)
                for name, value in headers.items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


def _decoded(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) if text else None
