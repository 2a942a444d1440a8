"""``python -m duck_tx``: the command ``duck`` without ``twistd`` around it."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> None:
    """Serve as the arguments say, until stopped.

    :raises SystemExit: with the exit status, where it is not 0.
    """
    from duck_tx.errors import ApplicationError
    from duck_tx.process.exit import end_in_time
    from duck_tx.report import banner
    from duck_tx.tap import Options, app_of, monitor_of, refuse

    options = Options()
    options.synopsis = "Usage: python -m duck_tx [options]"
    options.parseOptions(arguments)
    try:
        monitor = monitor_of(options)
        app = app_of(options) if monitor is None else None
    except ApplicationError as error:
        refuse(error)
    if monitor is not None:
        if sys.stdout.isatty():
            print(banner())
        monitor.life.run()
    elif app is not None:
        app.run(print_ansi_art=app.tree.reloader is None)
    end_in_time(0)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        # Before there is anything that could be stopped.
        from signal import Signals

        from duck_tx.process.exit import exit_by

        exit_by(Signals.SIGINT)
