"""An ordinary Django project that the tests and benchmarks serve."""
