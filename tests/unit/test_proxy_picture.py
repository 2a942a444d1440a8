"""How servers are in the eyes of several processes."""

from __future__ import annotations

from typing import Any

from duck_tx.proxy.picture import picture
from tests.case import UnitTestCase

_ONE = "http://10.0.0.5:9000"


def seen(state: str = "up", url: str = _ONE, why: str | None = None, **counts: int) -> dict[str, Any]:
    """What one process tells of one server."""
    given = {"requests": 0, "answered": 0, "failures": 0} | counts
    return {"route": "/api", "url": url, "state": state, "why": why, **given}


class PictureTests(UnitTestCase):
    def test_where_all_agree_that_is_the_state_and_counts_are_added_up(self) -> None:
        views = {
            2: [seen(requests=1, answered=10)],
            1: [seen(requests=2, answered=20, failures=3)],
        }
        [server] = picture(views)
        workers = server.pop("workers")
        self.assertEqual(server, seen(requests=3, answered=30, failures=3))
        self.assertEqual(
            workers,
            [
                {"number": 1, "state": "up", "why": None, "requests": 2, "answered": 20, "failures": 3},
                {"number": 2, "state": "up", "why": None, "requests": 1, "answered": 10, "failures": 0},
            ],
        )

    def test_where_they_do_not_agree_it_is_told_who_sees_what(self) -> None:
        [server] = picture({1: [seen()], 2: [seen("out", why="the connection was refused")], 3: None})
        self.assertEqual((server["state"], server["why"]), ("mixed", "the connection was refused"))
        self.assertEqual([(each["number"], each["state"]) for each in server["workers"]], [
            (1, "up"), (2, "out"), (3, "unknown"),
        ])  # fmt: skip

    def test_servers_come_in_the_order_of_the_first_and_each_once(self) -> None:
        # In a restart, those with the new settings may have others.
        views = {1: [seen(url="http://b"), seen(url="http://a")], 2: [seen(url="http://a"), seen(url="http://c")]}
        found = picture(views)
        self.assertEqual([each["url"] for each in found], ["http://b", "http://a", "http://c"])
        self.assertEqual([[one["number"] for one in each["workers"]] for each in found], [[1], [1, 2], [2]])

    def test_where_nobody_tells_anything_there_is_no_picture(self) -> None:
        self.assertEqual(picture({}), [])
        self.assertEqual(picture({1: None, 2: []}), [])
