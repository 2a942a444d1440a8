"""One server of a route: its states, its share, and what the log says of it."""

from __future__ import annotations

from tests.unit.logged import logged_lines
from tests.unit.upstream_case import UpstreamCase


class ServerTests(UpstreamCase):
    def test_failures_in_a_row_leave_it_out_and_an_answer_ends_that(self) -> None:
        first, _ = self.servers(1, 1)
        with logged_lines() as lines:
            self.assertEqual(first.state, "up")
            self.blame(first)
            self.assertEqual(first.state, "out")
            self.assertFalse(first.is_in(self.now))
            self.now += 10
            self.assertEqual(first.state, "trial")
            self.assertTrue(first.is_in(self.now))
            first.succeeded()
            self.assertEqual(first.state, "up")
        self.assertEqual(
            lines,
            ["upstream a of / is left out for 10 s: the connection was refused", "upstream a of / answers again"],
        )

    def test_it_says_why_it_is_not_up(self) -> None:
        first, _ = self.servers(1, 1)
        self.assertIsNone(first.why)
        self.blame(first)
        self.assertEqual(first.why, "the connection was refused")
        first.went_down("it answers 500")
        first.went_down("it answers 503")
        self.assertEqual(first.why, "it answers 503")
        first.came_up()
        self.assertEqual(first.why, "the connection was refused")
        first.succeeded()
        self.assertIsNone(first.why)

    def test_each_change_is_one_line(self) -> None:
        first, _ = self.servers(1, 1)
        with logged_lines() as lines:
            self.blame(first, 20)
            first.went_down("it answers 503")
            first.went_down("it answers 503")
            first.came_up()
            first.came_up()
        self.assertEqual(lines[1:], ["upstream a of / is down: it answers 503", "upstream a of / is up again"])

    def test_the_last_one_is_never_left_out(self) -> None:
        first, second = self.servers(1, 1)
        self.blame(first, 9)
        self.blame(second, 9)
        self.assertEqual((first.state, second.state), ("out", "failing"))
        alone = self.server()
        self.blame(alone, 2)
        self.assertEqual((alone.state, alone.why), ("up", None))
        self.blame(alone, 7)
        self.assertEqual((alone.state, alone.why), ("failing", "the connection was refused"))
        self.assertTrue(alone.is_in(self.now))
        alone.succeeded()
        self.assertEqual((alone.state, alone.why), ("up", None))

    def test_one_on_trial_is_no_other_to_ask(self) -> None:
        first, second = self.servers(1, 1)
        self.blame(first)
        self.now += 10
        self.blame(second, 9)
        self.assertEqual((first.state, second.state), ("trial", "failing"))
        first.succeeded()
        self.blame(second, 1)
        self.assertEqual((first.state, second.state), ("up", "out"))

    def test_responses_that_all_break_off_leave_it_out(self) -> None:
        first, _ = self.servers(1, 1)
        for _ in range(3):
            first.succeeded(whole=False)
            self.blame(first, 1)
        self.assertEqual(first.state, "out")

    def test_a_response_that_comes_to_its_end_begins_the_row_anew(self) -> None:
        first, _ = self.servers(1, 1, bad_statuses=(503,))
        self.blame(first, 2)
        first.succeeded(whole=False)
        first.finished(200)
        self.blame(first, 2)
        self.assertEqual(first.state, "up")
        first.succeeded(503, whole=False)
        self.assertEqual(first.state, "out")

    def test_a_bad_status_is_no_success_at_its_end(self) -> None:
        first, _ = self.servers(1, 1, bad_statuses=(503,))
        for _ in range(3):
            first.succeeded(503, whole=False)
            first.finished(503)
        self.assertEqual(first.state, "out")

    def test_one_that_is_down_is_no_other_to_ask(self) -> None:
        first, second = self.servers(1, 1)
        second.went_down("it does not answer")
        self.blame(first, 9)
        self.assertEqual(first.state, "failing")

    def test_what_requests_say_does_not_bring_back_what_its_check_took_away(self) -> None:
        server = self.server()
        server.went_down("it does not answer")
        server.succeeded()
        self.assertEqual(server.state, "down")
        self.assertTrue(server.is_down)

    def test_it_counts_answers_and_failures(self) -> None:
        server = self.server()
        server.succeeded()
        self.blame(server, 2)
        self.assertEqual((server.answered, server.failures), (1, 2))

    def test_it_is_full_with_as_many_requests_as_it_may_have(self) -> None:
        server = self.server(max_connections=2)
        self.assertFalse(server.is_full)
        server.in_flight = 2
        self.assertTrue(server.is_full)
        endless = self.server()
        endless.in_flight = 10**9
        self.assertFalse(endless.is_full)

    def test_a_new_one_has_its_whole_share_at_once(self) -> None:
        self.assertEqual(self.server(weight=4, slow_start=10.0).share(self.now), 4.0)

    def test_one_that_comes_back_gets_its_share_little_by_little(self) -> None:
        server, _ = self.servers(4, 1, slow_start=10.0)
        server.went_down("it does not answer")
        self.now += 100
        server.came_up()
        shares = [server.share(self.now + later) for later in (0, 1, 5, 10, 50)]
        self.assertEqual(shares, [0.4, 0.4, 2.0, 4.0, 4.0])

    def test_one_that_was_left_out_comes_back_slowly_too(self) -> None:
        server, _ = self.servers(4, 1, slow_start=10.0)
        self.blame(server)
        self.now += 15
        server.succeeded()
        self.assertEqual(server.share(self.now), 0.4)
        self.now += 5
        self.assertEqual(server.share(self.now), 2.0)

    def test_one_that_is_asked_while_it_is_left_out_or_on_trial_has_its_whole_share(self) -> None:
        for slow_start in (0.0, 3600.0):
            server, _ = self.servers(4, 1, slow_start=slow_start)
            self.blame(server)
            self.assertEqual((server.state, server.share(self.now)), ("out", 4.0))
            self.now += 10
            self.assertEqual((server.state, server.share(self.now)), ("trial", 4.0))
