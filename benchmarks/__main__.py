"""``python -m benchmarks``: prepare, measure, write; every process it started is gone when it ends."""

from __future__ import annotations

import datetime
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from benchmarks import certificate, environment, readme, report
from benchmarks.bench import Bench
from benchmarks.cases import LOADS, NEWCOMERS, SECURE_LOADS
from benchmarks.chart import Bar, Panel, chart
from benchmarks.h2load import H2Load
from benchmarks.load import Wrk
from benchmarks.metric import Metric, Results
from benchmarks.options import OUTPUT, Options, parse
from benchmarks.project import CHANNELS, ROOT, ProjectError, prepare
from benchmarks.run import run
from benchmarks.servers import SERVERS
from benchmarks.websockets import CROWD

README = ROOT / "README.md"
_UPLOAD_SIZE = 50_000_000
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(argv: list[str]) -> int:
    """The exit status: 0, 1 if a measurement failed, 2 if nothing could be measured, 130 after Ctrl-C."""
    options = parse(argv)
    for number in _INTERRUPTS:
        # SIGINT as well: a shell has a background job ignore it.
        signal.signal(number, _interrupt)
    try:
        results = measure(options)
    except (environment.MissingTool, ProjectError) as error:
        say(f"benchmarks: {error}")
        return 2
    except KeyboardInterrupt:
        say("benchmarks: interrupted, nothing written")
        return 130
    publish(results, options)
    return 1 if results.failures else 0


def measure(options: Options) -> Results:
    """The whole run.

    :raises MissingTool: if the machine lacks what it needs.
    :raises ProjectError: if the Django project is not there or does not work.
    """
    environment.check_tools()
    server_core, load_core = environment.cores()
    environment.raise_file_limit(max(options.idle, CROWD) + 1000)
    peers = environment.peers()
    # This process polls, uploads and opens idle connections: on the load's core, never on the server's.
    os.sched_setaffinity(0, {load_core})
    with tempfile.TemporaryDirectory(prefix="duck_tx-benchmarks-") as scratch:
        bench = Bench(
            project=prepare(options.project, Path(scratch, "site")),
            channels=prepare(CHANNELS, Path(scratch, "channels")),
            certificate=certificate.make(Path(scratch)),
            peers=peers,
            scratch=Path(scratch),
            wrk=Wrk(load_core, options.connections),
            h2load=H2Load(load_core),
            server_core=server_core,
            seconds=options.seconds,
            warm_up=options.warm_up,
            idle_connections=options.idle,
            upload_size=_UPLOAD_SIZE,
        )
        return run(bench, options.cases, options.servers, options.rounds, say)


def publish(results: Results, options: Options) -> None:
    """Write the files, or print the page where no directory is given."""
    about = report.About(
        made=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        rounds=options.rounds,
        seconds=options.seconds,
        connections=options.connections,
        machine=environment.machine(),
    )
    page = report.markdown(results, about)
    if options.output is None:
        print(page)
        return
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "index.md").write_text(page)
    (options.output / "results.json").write_text(report.to_json(results, about))
    (options.output / "chart.svg").write_text(chart("Requests per second, by server", panels(results)))
    say(f"written to {options.output}")
    if options.output == OUTPUT:
        text = README.read_text()
        README.write_text(readme.filled(text, readme.block(results, about)))
        say(f"figures put into {README}")


def panels(results: Results) -> list[Panel]:
    """One panel for each case that was measured under load, with the servers that took part."""
    shown = [(case, case.title) for case in LOADS] + [(case, f"HTTPS, {case.title}") for case in SECURE_LOADS]
    found = []
    for case, title in shown:
        taken = results.servers(case.name)
        bars = [
            Bar(each.name, results.value(case.name, each.name, Metric.RATE), "duck_tx" in each.name)
            for each in SERVERS
            if each.name in taken
        ]
        if bars:
            found.append(Panel(f"{title}: {'connections' if case.name == NEWCOMERS else 'requests'} per second", bars))
    return found


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Once only: what ends the processes must not be interrupted itself. It takes ten seconds at most.
    for each in _INTERRUPTS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
