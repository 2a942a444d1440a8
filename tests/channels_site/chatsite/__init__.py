"""A Django project with Channels, as the tests and benchmarks serve it: pages, chat rooms and a stream of events."""
