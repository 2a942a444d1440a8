"""A certificate authority in a process of its own, for the tests: Debian's ``pebble``, and its server for challenges,
which is the name server that it asks.

    authority = Pebble(http_port=80, tls_port=443)      # the ports that it validates names at
    authority.start()
    ...  authority.directory, authority.ca_file, authority.accounts
    authority.close()

All names resolve to 127.0.0.1.  It forgets everything when it is stopped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from urllib.request import urlopen

import trustme

__all__ = ["Pebble", "free_port", "free_ports"]

START_TIMEOUT = 20.0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has at this moment."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Several, no two of them the same: the system may well give one again that has just been let go."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Pebble:
    """The two processes, and their files in a temporary directory.

    :param http_port: where it looks for answers to ``http-01``.
    :param tls_port: where it looks for answers to ``tls-alpn-01``.
    :param validity: seconds that its certificates are valid; ``None`` for five years.
    :param bindings: base64url keys by key identifier; accounts have to be bound to one of them.
    :param nonce_reject: how many of a hundred nonces it refuses for no reason.

    :ivar directory: URL of its directory.
    :ivar ca_file: certificates to trust when one talks to it.
    """

    def __init__(
        self,
        *,
        http_port: int,
        tls_port: int,
        validity: int | None = None,
        bindings: Mapping[str, str] | None = None,
        nonce_reject: int = 0,
    ) -> None:
        self._root = Path(mkdtemp(prefix="duck-pebble-"))
        self._port, self._desk, self._names, self._names_desk = free_ports(4)
        self._environ = {
            **os.environ,
            "PEBBLE_VA_NOSLEEP": "1",
            "PEBBLE_WFE_NONCEREJECT": str(nonce_reject),
            "PEBBLE_AUTHZREUSE": "0",
        }
        self.directory = f"https://localhost:{self._port}/dir"
        self.ca_file = self._root / "ca.pem"
        self._write_certificate()
        settings: dict[str, object] = {
            "listenAddress": f"127.0.0.1:{self._port}",
            "managementListenAddress": f"127.0.0.1:{self._desk}",
            "certificate": str(self._root / "cert.pem"),
            "privateKey": str(self._root / "key.pem"),
            "httpPort": http_port,
            "tlsPort": tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": bool(bindings),
            "externalAccountMACKeys": dict(bindings or {}),
        }
        if validity is not None:
            settings["certificateValidityPeriod"] = validity
        (self._root / "pebble.json").write_text(json.dumps({"pebble": settings}))
        self._processes: list[subprocess.Popen[bytes]] = []
        self._said: list[str] = []

    def _write_certificate(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.private_key_pem.write_to_path(self._root / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(self._root / "cert.pem")

    def start(self) -> Pebble:
        """Start both, and wait until they answer.

        :raises AssertionError: with all that they said, if they do not in time.
        """
        names = f"127.0.0.1:{self._names}"
        self._run(
            "pebble-challtestsrv",
            *("-dns01", names, "-management", f"127.0.0.1:{self._names_desk}"),
            *("-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""),
        )
        self._run("pebble", "-strict", "-config", str(self._root / "pebble.json"), "-dnsserver", names)
        self._wait_until_up()
        return self

    def _run(self, *command: str) -> None:
        process = subprocess.Popen(
            command,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._processes.append(process)
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            for line in stream:
                self._said.append(line.decode(errors="backslashreplace"))

    def _wait_until_up(self) -> None:
        until = time.monotonic() + START_TIMEOUT
        for port in (self._port, self._names_desk):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1.0).close()
                    break
                except OSError:
                    if time.monotonic() > until or any(each.poll() is not None for each in self._processes):
                        raise AssertionError(f"the authority did not come up:\n{self.log}") from None
                    time.sleep(0.02)

    def stop(self) -> None:
        """End both; they can be started again, with the same ports and nothing in mind."""
        processes, self._processes = self._processes, []
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(5.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def close(self) -> None:
        """End both, and remove their files."""
        self.stop()
        shutil.rmtree(self._root, ignore_errors=True)

    @property
    def log(self) -> str:
        """All that both have written."""
        return "".join(self._said)

    @property
    def accounts(self) -> int:
        """How many accounts were made."""
        return len(re.findall(r"There are now \d+ accounts in memory", self.log))

    @property
    def certificates(self) -> int:
        """How many certificates were issued."""
        return len(re.findall(r"Issued certificate serial", self.log))

    def root(self) -> str:
        """The certificate (PEM) at the end of the chains that it issues."""
        trust = ssl.create_default_context(cafile=str(self.ca_file))
        with urlopen(f"https://localhost:{self._desk}/roots/0", context=trust, timeout=10.0) as answer:
            return str(answer.read().decode("ascii"))
