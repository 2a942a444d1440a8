"""A server as a script: ``python run.py``. Its settings are made in Python, and it does something at start and stop."""

from __future__ import annotations

from twisted.logger import Logger

from duck_tx import App, Settings
from duck_tx.settings import GatewaySettings, HttpSettings, ServerSettings

log = Logger()


class Site(App):
    """The App of this site."""

    async def on_app_start(self) -> None:
        """The port accepts by now. What is awaited here is waited for, and a failure stops the start."""
        log.info("{uri} is up", uri=self.build_absolute_uri("/"))

    def on_pre_stop(self) -> None:
        """Nothing has stopped yet."""
        log.info("the site is going down")


settings = Settings(
    server=ServerSettings(port=8000, grace=10.0),
    http=HttpSettings(max_body=10 * 1024 * 1024),
    gateway=GatewaySettings(commands_on_startup=("check",)),
)

if __name__ == "__main__":
    Site(settings=settings).run()
