"""The pure parts of the benchmarks: what wrk printed, what the rounds amount to, and how it is shown."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from benchmarks import cases, server, servers, targets
from benchmarks.cases import CASES
from benchmarks.chart import Bar, Panel, chart
from benchmarks.disturbance import Usage, idle_seconds, user_seconds
from benchmarks.figure import milliseconds, table
from benchmarks.load import Load, LoadError, parse
from benchmarks.metric import Failure, Metric, Results, Sample, summary
from benchmarks.options import OUTPUT, chosen
from benchmarks.options import parse as parse_options
from benchmarks.pause import Window, form, longest
from benchmarks.project import static_content
from benchmarks.readme import BEGIN, END, block, filled
from benchmarks.report import About, markdown, to_json
from benchmarks.run import plan
from benchmarks.servers import DUCK, GRANIAN, GUNICORN_SYNC, GUNICORN_THREADS, SERVERS
from benchmarks.watch import busy_percent
from tests.case import UnitTestCase

WRK = """\
Running 2s test @ http://127.0.0.1:8000/hello
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     7.10ms    2.34ms  30.11ms   88.00%
    Req/Sec     4.52k   301.10     5.01k    75.00%
  Latency Distribution
     50%  650.00us
     75%    7.80ms
     90%    9.01ms
     99%    1.25s
  9016 requests in 2.00s, 1.58MB read
{trouble}Requests/sec:   4504.83
Transfer/sec:    809.46KB
"""

ABOUT = About("2026-01-02", 3, 6, 32, {"processor": "one", "cores": "2"})


def results(*values: tuple[str, str, Metric, float], failures: tuple[Failure, ...] = ()) -> Results:
    """Results with one sample for each case, server, metric and value; the rounds count up."""
    samples = [Sample(case, server, n, metric, value) for n, (case, server, metric, value) in enumerate(values)]
    return Results(samples, list(failures))


class WrkOutput(UnitTestCase):
    def test_rate_and_latencies_are_read_in_requests_a_second_and_milliseconds(self) -> None:
        self.assertEqual(parse(WRK.format(trouble="")), Load(4504.83, 0.65, 1250.0))

    def test_a_status_that_is_no_success_fails_the_measurement(self) -> None:
        text = WRK.format(trouble="  Non-2xx or 3xx responses: 12\n")
        self.assertEqual(str(self.assertRaises(LoadError, parse, text)), "Non-2xx or 3xx responses: 12")

    def test_a_socket_error_fails_the_measurement(self) -> None:
        line = "Socket errors: connect 0, read 3, write 0, timeout 0"
        text = WRK.format(trouble=f"  {line}\n")
        self.assertEqual(str(self.assertRaises(LoadError, parse, text)), line)

    def test_a_server_that_answers_nothing_fails_the_measurement(self) -> None:
        text = WRK.format(trouble="").replace("9016 requests", "0 requests")
        self.assertIn("not one", str(self.assertRaises(LoadError, parse, text)))

    def test_output_without_figures_is_shown(self) -> None:
        error = self.assertRaises(LoadError, parse, "unable to connect to 127.0.0.1:8000 Connection refused\n")
        self.assertIn("unable to connect", str(error))


class Rounds(UnitTestCase):
    def test_the_median_of_the_rounds_counts(self) -> None:
        self.assertEqual(summary(Metric.RATE, [100.0, 900.0, 300.0]), 300.0)

    def test_of_pauses_the_longest_counts(self) -> None:
        self.assertEqual(summary(Metric.PAUSE, [4.0, 19.0, 5.0]), 19.0)

    def test_a_case_that_failed_in_any_round_has_no_value(self) -> None:
        found = results(("hello", DUCK, Metric.RATE, 100.0), failures=(Failure("hello", DUCK, 2, "broken"),))
        self.assertIsNone(found.value("hello", DUCK, Metric.RATE))
        self.assertEqual(found.servers("hello"), [DUCK])

    def test_a_ratio_needs_both_sides(self) -> None:
        found = results(("hello", DUCK, Metric.RATE, 300.0), ("hello", GRANIAN, Metric.RATE, 200.0))
        self.assertEqual(found.ratio("hello", DUCK, GRANIAN, Metric.RATE), 1.5)
        self.assertIsNone(found.ratio("hello", DUCK, GUNICORN_SYNC, Metric.RATE))

    def test_every_server_runs_each_case_right_after_the_other_and_each_round_begins_with_another(
        self,
    ) -> None:
        resources = [each for each in SERVERS if server.RESOURCE in each.groups]
        order = [(number, each.name) for number, _, each in plan(CASES, resources, 2)]
        first, second = (each.name for each in resources)
        self.assertEqual(order, [(1, first), (1, second), (2, second), (2, first)])

    def test_only_servers_of_its_group_take_part_in_a_case(self) -> None:
        static = [case for case in CASES if case.group == server.STATIC]
        names = {each.name for _, _, each in plan(static, SERVERS, 1)}
        self.assertEqual(names, {DUCK, servers.DUCK_INLINE, GRANIAN})


class Targets(UnitTestCase):
    def met(self, title: str, found: Results) -> bool | None:
        (target,) = (each for each in targets.TARGETS if each.title == title)
        return target.met(found)

    def test_gunicorn_is_taken_in_its_better_mode(self) -> None:
        slow, fast = (cases.HELLO, GUNICORN_SYNC, Metric.RATE, 100.0), (cases.HELLO, GUNICORN_THREADS)
        title = "hello, over gunicorn's better mode"
        duck = (cases.HELLO, DUCK, Metric.RATE, 300.0)
        self.assertIs(self.met(title, results(duck, slow, (*fast, Metric.RATE, 150.0))), True)
        self.assertIs(self.met(title, results(duck, slow, (*fast, Metric.RATE, 151.0))), False)

    def test_the_cost_of_the_log_is_the_share_of_the_rate_that_it_takes(self) -> None:
        title, case = "cost of the JSON access log", cases.LOGGED
        off = (case, DUCK, Metric.RATE, 1000.0)
        self.assertIs(self.met(title, results(off, (case, servers.DUCK_LOGGED, Metric.RATE, 901.0))), True)
        self.assertIs(self.met(title, results(off, (case, servers.DUCK_LOGGED, Metric.RATE, 890.0))), False)

    def test_what_was_not_measured_is_neither_met_nor_missed(self) -> None:
        self.assertEqual({target.met(Results()) for target in targets.TARGETS}, {None})


class Report(UnitTestCase):
    def test_a_table_has_its_numbers_to_the_right(self) -> None:
        self.assertEqual(table(["server", "hello"], [["a", "1"]]), "| server | hello |\n| --- | ---: |\n| a | 1 |\n")

    def test_milliseconds_keep_three_digits(self) -> None:
        self.assertEqual(
            [milliseconds(value) for value in (0.421, 4.2, 42.04, 4204.0)], ["0.42", "4.20", "42.0", "4,204"]
        )

    def test_rates_ratios_and_latencies_are_shown_by_server(self) -> None:
        page = markdown(
            results(
                (cases.HELLO, DUCK, Metric.RATE, 8000.0),
                (cases.HELLO, DUCK, Metric.P50, 4.0),
                (cases.HELLO, DUCK, Metric.P99, 9.5),
                (cases.HELLO, GRANIAN, Metric.RATE, 4000.0),
            ),
            ABOUT,
        )
        for line in ("| duck_tx | 8,000 |", "| granian | 2.00 x |", "| duck_tx | 4.00 / 9.50 |"):
            self.assertIn(line, page.splitlines())
        self.assertIn("medians of 3 interleaved rounds of 6 s, 32 kept-alive connections", page)

    def test_what_was_not_measured_has_a_dash_and_what_nobody_measured_no_section(self) -> None:
        page = markdown(
            results((cases.HELLO, DUCK, Metric.RATE, 8000.0), ("static-4k", GRANIAN, Metric.RATE, 9000.0)),
            ABOUT,
        )
        self.assertIn("| duck_tx | 8,000 | \N{EN DASH} |", page.splitlines())
        self.assertNotIn("## Latency", page)
        self.assertNotIn("## Targets", page)

    def test_a_failure_is_named_and_its_figures_are_not_shown(self) -> None:
        failed = Failure(cases.HELLO, DUCK, 2, "LoadError: Socket errors: read 3")
        page = markdown(results((cases.HELLO, DUCK, Metric.RATE, 8123.0), failures=(failed,)), ABOUT)
        self.assertIn("- hello, duck_tx, round 2: LoadError: Socket errors: read 3", page.splitlines())
        self.assertNotIn("8,123", page)

    def test_json_holds_every_sample_and_the_summaries(self) -> None:
        rates = [(cases.HELLO, DUCK, Metric.RATE, value) for value in (1.0, 2.0, 6.0)]
        document = json.loads(to_json(results(*rates), ABOUT))
        self.assertEqual([each["value"] for each in document["samples"]], [1.0, 2.0, 6.0])
        expected = {"case": "hello", "server": DUCK, "metric": "requests_per_second", "value": 2.0}
        self.assertEqual(document["summaries"], [expected])
        self.assertEqual(document["about"]["rounds"], 3)


class Readme(UnitTestCase):
    def test_the_figures_stand_between_the_comments_and_nothing_else_changes(self) -> None:
        text = f"# duck_tx\n{BEGIN}old\n{END}rest\n"
        self.assertEqual(filled(text, "new\n"), f"# duck_tx\n{BEGIN}new\n{END}rest\n")
        self.assertEqual(filled(filled(text, "new\n"), "old\n"), text)

    def test_a_readme_without_their_place_is_refused(self) -> None:
        self.assertRaises(ValueError, filled, f"# duck_tx\n{BEGIN}", "new\n")

    def test_of_the_modes_of_a_server_the_better_is_shown_and_rows_without_figures_are_not(self) -> None:
        found = results(
            (cases.HELLO, DUCK, Metric.RATE, 8000.0),
            (cases.HELLO, GUNICORN_SYNC, Metric.RATE, 3800.0),
            (cases.HELLO, GUNICORN_THREADS, Metric.RATE, 2900.0),
            (cases.HTTPS_HELLO, servers.NGINX_THREADS, Metric.RATE, 2500.0),
        )
        text = block(found, About("2026-01-02", 3, 6, 32, {"processor": "one", "Python": "3.11"}))
        dash = "\N{EN DASH}"
        self.assertEqual(
            [line for line in text.splitlines() if line.startswith("| ")][2:],
            [f"| hello | 8,000 | {dash} | 3,800 | {dash} |", f"| hello, HTTPS | {dash} | {dash} | {dash} | 2,500 |"],
        )


class Chart(UnitTestCase):
    def bars(self, svg: str) -> dict[str, float]:
        """Class and width of every bar, in the order drawn."""
        root = ElementTree.fromstring(svg)
        return {
            each.attrib["class"]: float(each.attrib["width"]) for each in root.iter("{http://www.w3.org/2000/svg}rect")
        }

    def test_bars_start_at_zero_and_are_to_scale(self) -> None:
        widths = self.bars(chart("rates", [Panel("hello", [Bar("a", 200.0, own=True), Bar("b", 50.0)])]))
        self.assertAlmostEqual(widths["own"] / widths["other"], 4.0, places=1)

    def test_a_missing_value_is_said_and_not_drawn(self) -> None:
        svg = chart("rates", [Panel("hello", [Bar("a", None)])])
        self.assertEqual(self.bars(svg), {})
        self.assertIn("not measured", svg)

    def test_names_are_escaped(self) -> None:
        root = ElementTree.fromstring(chart("a < b", [Panel("<p> & q", [Bar('"<x>"', 1.0)])]))
        texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
        self.assertEqual(texts, ["<p> & q", '"<x>"', "1"])
        self.assertEqual(root.attrib["aria-label"], "a < b")

    def test_panels_lie_inside_the_picture(self) -> None:
        panel = Panel("hello", [Bar("a", 1.0), Bar("b", 2.0)])
        root = ElementTree.fromstring(chart("rates", [panel] * 3))
        moves = [each.attrib["transform"] for each in root.iter("{http://www.w3.org/2000/svg}g")]
        places = [tuple(map(int, each.removeprefix("translate(").rstrip(")").split())) for each in moves]
        self.assertEqual(len(set(places)), 3)
        self.assertLess(max(y for _, y in places), int(root.attrib["height"]))
        self.assertLess(max(x for x, _ in places), int(root.attrib["width"]))


class Uploads(UnitTestCase):
    def test_a_form_carries_its_file_between_two_boundaries(self) -> None:
        head, _, rest = form(b"content").partition(b"\r\n\r\n")
        self.assertIn(b'name="file"', head)
        self.assertEqual(rest, b"content\r\n--benchmark-boundary--\r\n")

    def test_only_pauses_during_an_upload_count(self) -> None:
        with TemporaryDirectory() as directory:
            report = Path(directory) / "pauses.txt"
            report.write_text("9.5 900.000\n10.5 12.500\n11.1 14.000\n30.0 800.000\n")
            self.assertEqual(longest(report, [Window(10.0, 11.0), Window(20.0, 21.0)]), 14.0)


class CommandLine(UnitTestCase):
    def test_a_whole_run_is_written_where_the_documentation_is(self) -> None:
        options = parse_options([])
        self.assertEqual((options.rounds, options.output), (3, OUTPUT))
        self.assertEqual(options.servers, list(SERVERS))

    def test_a_quick_or_partial_run_overwrites_nothing(self) -> None:
        for argv in (["--quick"], ["--cases", "hello"], ["--servers", DUCK], ["--only", "https"]):
            self.assertIsNone(parse_options(argv).output)

    def test_one_topic_can_be_measured_alone_and_its_cases_chosen(self) -> None:
        self.assertEqual(parse_options(["--only", "https"]).cases, list(cases.TOPICS["https"]))
        one = parse_options(["--only", "https", "--cases", cases.NEWCOMERS]).cases
        self.assertEqual([each.name for each in one], [cases.NEWCOMERS])

    def test_every_name_can_be_chosen_and_means_one_thing(self) -> None:
        for offered in ([each.name for each in SERVERS], [each.name for each in CASES]):
            self.assertEqual(len(set(offered)), len(offered))
            self.assertNotIn(",", "".join(offered))

    def test_names_are_taken_in_the_order_offered(self) -> None:
        self.assertEqual([each.name for each in chosen("page, hello", CASES)], ["hello", "page"])

    def test_an_unknown_name_is_refused_with_those_offered(self) -> None:
        self.assertIn("json", str(self.assertRaises(ValueError, chosen, "jsno", CASES)))


class Disturbance(UnitTestCase):
    def test_what_others_used_is_a_share_of_one_core(self) -> None:
        before, after = Usage(clock=100.0, cores=50.0, ours=10.0), Usage(clock=110.0, cores=65.0, ours=24.5)
        self.assertAlmostEqual(before.others(after), 5.0)

    def test_only_the_named_cores_count_and_idle_time_does_not(self) -> None:
        tick = 1 / os.sysconf("SC_CLK_TCK")
        stat = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 50 60 70 80 90 4 0 0\ncpu1 10 0 0 0 0 0 0 0 0 0\nintr 7 7\n"
        self.assertAlmostEqual(user_seconds(stat, {0}), 7 * tick)
        self.assertAlmostEqual(user_seconds(stat, {0, 1}), 17 * tick)

    def test_how_busy_a_core_was_follows_from_its_idle_time(self) -> None:
        tick = 1 / os.sysconf("SC_CLK_TCK")
        stat = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 50 60 70 80 90 4 0 0\ncpu1 10 0 0 3 0 0 0 0 0 0\n"
        self.assertAlmostEqual(idle_seconds(stat, 0), 130 * tick)
        self.assertAlmostEqual(busy_percent(idle=0.5, seconds=2.0), 75.0)
        # The clock of the idle time is coarse.
        self.assertEqual(busy_percent(idle=2.01, seconds=2.0), 0.0)

    def test_the_report_says_how_quiet_the_machine_was(self) -> None:
        found = results(*((cases.HELLO, DUCK, Metric.OTHERS, value) for value in (0.2, 40.0, 3.0)))
        self.assertIn("3 % of a core in the median measurement, 40 % in the worst", markdown(found, ABOUT))


class Content(UnitTestCase):
    def test_a_measured_file_has_its_exact_size_and_no_two_equal_lines(self) -> None:
        content = static_content(4100)
        self.assertEqual(len(content), 4100)
        self.assertEqual(len(set(content.splitlines())), len(content.splitlines()))
