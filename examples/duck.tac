"""The same tree as ``twistd -n duck``, as an application of one's own: ``twistd -ny duck.tac``.

Settings come from ``duck.toml`` and the environment; what is said here wins over both. Other services can be
children of the same application.
"""

from twisted.application.service import Application

from duck_tx import App

application = Application("duck")
App(port=8000).service.setServiceParent(application)
