"""``python -m duck_tx``: the command ``duck`` without ``twistd`` around it."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> None:
    """Serve as the arguments say, until stopped.

    :raises SystemExit: with the exit status, where it is not 0.
    """
    from duck_tx.app import App
    from duck_tx.errors import ApplicationError
    from duck_tx.tap import Options, refuse

    options = Options()
    options.synopsis = "Usage: python -m duck_tx [options]"
    options.parseOptions(arguments)
    try:
        app = App(settings=options.loaded.settings)
    except ApplicationError as error:
        refuse(error)
    app.run()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        # Before there is anything that could be stopped.
        from signal import Signals

        from duck_tx.process.exit import exit_by

        exit_by(Signals.SIGINT)
