"""Several servers behind one route: what clients see when some of them end, come back, or are not well."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from duck_tx.cli.ask import call
from tests.case import UnitTestCase
from tests.integration.server import Server, serve, wait_until
from tests.integration.upstream_process import UpstreamProcess, Visitors


class BalanceTests(UnitTestCase):
    def behind(self, settings: str, *upstreams: UpstreamProcess, options: tuple[str, ...] = ()) -> Server:
        """A server whose only route, to these, is everything."""
        urls = ", ".join(f'"{upstream.url}"' for upstream in upstreams)
        file = f"[[proxy.routes]]\nupstreams = [{urls}]\n{settings}\n"
        return serve(self, *options, project=None, files={"duck.toml": file})

    def test_one_that_is_killed_and_comes_back_costs_nobody_an_answer(self) -> None:
        first, second, third = (UpstreamProcess(self, name) for name in "abc")
        server = self.behind("eject_time = 0.5\nslow_start = 1", first, second, third)
        with Visitors(server.port, "/x") as visitors:
            visitors.wait_for_answers_of("a", "b", "c")
            first.kill()
            server.wait_for(f"upstream {first.url} of / is left out for 0.5 s: ")
            visitors.wait_for(200)
            visitors.wait_for_answers_of("b", "c")
            first.start()
            server.wait_for(f"upstream {first.url} of / answers again")
            visitors.wait_for_answers_of("a", "b", "c")
        self.assertEqual(visitors.lost, [])
        self.assertEqual(server.stop(), -15)
        self.assertEqual(len(server.lines(" answers again")), 1)
        self.assertEqual([line for line in server.lines("upstream ") if first.url not in line], [])
        self.assertEqual(server.left_behind(), [])

    def test_what_nobody_has_got_is_sent_to_another_and_the_last_one_stays(self) -> None:
        first, second = (UpstreamProcess(self, name) for name in "ab")
        server = self.behind("eject_failures = 1", first, second)
        first.kill()
        for _ in range(4):
            self.assertEqual(server.request("POST", "/form", b"12345").text, "b POST /form 5")
        second.kill()
        for _ in range(4):
            answer = server.get("/x")
            self.assertEqual((answer.status, answer.headers["Retry-After"]), (502, None))
        second.start()
        self.assertEqual(server.get("/x").text, "b GET /x 0")
        self.assertEqual([line for line in server.lines("left out") if second.url in line], [])

    def test_one_that_says_that_it_is_sick_is_down_until_it_is_well(self) -> None:
        first, second = (UpstreamProcess(self, name) for name in "ab")
        first.say("/sick")
        server = self.behind(
            'health_path = "/health"\nhealth_interval = 0.2', first, second, options=("--domain", "site.example")
        )
        # Its own name is found nowhere.
        server.host = "localhost"
        server.wait_for(f"upstream {first.url} of / is down: its health check is answered with 503")
        self.assertEqual({server.get("/x").text for _ in range(4)}, {"b GET /x 0"})
        second.say("/sick")
        server.wait_for(f"upstream {second.url} of / is down: its health check is answered with 503")
        answer = server.get("/x")
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "5"))
        first.say("/well")
        server.wait_for(f"upstream {first.url} of / is up again")
        self.assertEqual(server.get("/x").text, "a GET /x 0")
        first.kill()
        server.wait_for(f"upstream {first.url} of / is down: its health check fails: the connection was refused")
        self.assertEqual(set(second.say("/hosts").split()), {"site.example"})

    def test_the_status_has_one_picture_of_what_all_workers_see(self) -> None:
        first, second = (UpstreamProcess(self, name) for name in "ab")
        server = self.behind(
            'health_path = "/health"\nhealth_interval = 0.2', first, second, options=("--workers", "2", "--processes")
        )
        server.wait_for("worker 2 is ready")
        for _ in range(6):
            self.assertEqual(server.get("/x").status, 200)
        one, other = self.seen(server, "up", "up")
        self.assertEqual((one["url"], one["why"], other["url"]), (first.url, None, second.url))
        self.assertEqual(one["answered"] + other["answered"], 6)
        self.assertEqual([worker["number"] for worker in one["workers"]], [1, 2])
        first.say("/sick")
        one, _ = self.seen(server, "down", "up")
        self.assertEqual(one["why"], "its health check is answered with 503")
        self.assertEqual([worker["state"] for worker in one["workers"]], ["down", "down"])
        first.say("/well")
        self.seen(server, "up", "up")

    def seen(self, server: Server, *states: str) -> list[dict[str, Any]]:
        """What ``duckctl status`` tells of the upstreams as soon as these are their states."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            with call(server.state) as line:
                found[:] = line.ask("status")["upstreams"]
            return [each.get("state") for each in found] == list(states)

        wait_until(look, 30, f"upstreams that are {states}")
        return found

    def test_the_same_cookie_leads_to_the_same_server(self) -> None:
        upstreams = [UpstreamProcess(self, name) for name in "ab"]
        server = self.behind('balance = "hash-cookie:sid"', *upstreams)
        by_cookie = {
            number: {server.get("/x", {"Cookie": f"sid={number}"}).headers["X-Upstream"] for _ in range(3)}
            for number in range(12)
        }
        self.assertTrue(all(len(names) == 1 for names in by_cookie.values()), by_cookie)
        self.assertEqual(set().union(*by_cookie.values()), {"a", "b"})

    def test_routes_on_the_command_line_need_no_project(self) -> None:
        folder = tempfile.mkdtemp(prefix="duck-test-")
        self.addCleanup(os.rmdir, folder)
        path = os.path.join(folder, "b.sock")
        first, second = UpstreamProcess(self, "a"), UpstreamProcess(self, "b", path)
        self.addCleanup(os.unlink, path)
        server = serve(
            self, "--upstream", f"/={first.url}", "--upstream", f"/b={second.url}", project=None, launch="module"
        )
        self.assertIn("ready: 2 routes to other servers at ", server.log)
        for target, text in (
            ("/", "a GET / 0"),
            ("/c?d=%2F", "a GET /c?d=%2F 0"),
            ("/bc", "a GET /bc 0"),
            ("/b", "b GET /b 0"),
            ("/b/c", "b GET /b/c 0"),
        ):
            self.assertEqual(server.get(target).text, text)
        self.assertEqual(server.stop(), -15)
        self.assertEqual(server.left_behind(), [])

    def test_all_mistakes_are_told_before_anything_is_opened(self) -> None:
        files = {"duck.toml": '[[proxy.routes]]\nprefix = "/a"\nupstreams = ["http://-:1", "https://a/%zz"]\n'}
        server = Server("--upstream", "/api=ftp://a", "--port", "0", project=None, files=files)
        self.addCleanup(server.close)
        server.begin()
        self.assertEqual(server.exit(), 1)
        wait_until(lambda: len(server.lines("duck: ")) == 2, what=server.log)
