# make run      serve on port 8000 (PORT=9000 for another; ARGS="--project ../site" is handed on to the command)
# make test     all tests (TESTS=tests.unit for some of them)
# make lint     ruff, mypy, import-linter
# make docs     the documentation, into docs/_build/html
# make bench    the benchmarks (ARGS as above)
# make clean    remove what these made

VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
ARGS ?=
TESTS ?= tests

# The first that is new enough and can make a virtual environment: a version switcher may have put names on PATH that
# do not run, and Debian has a Python without venv.
PYTHON ?= $(shell for python in python3.11 python3 python3.14 python3.13 python3.12 /usr/bin/python3.11 /usr/bin/python3; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && \
	echo $$python && break; done)

.PHONY: run test lint lint-ruff lint-format lint-types lint-imports docs bench clean
.DELETE_ON_ERROR:

run: $(VENV)/.installed
	$(BIN)/twistd -n --pidfile= duck --port $(PORT) $(ARGS)

test: $(VENV)/.installed-test $(VENV)/.installed-scanners
	$(BIN)/python -W error::RuntimeWarning -m twisted.trial $(TRIAL) $(TESTS)

lint: lint-ruff lint-format lint-types lint-imports

lint-ruff: $(VENV)/.installed-test,lint
	$(BIN)/ruff check

lint-format: $(VENV)/.installed-test,lint
	$(BIN)/ruff format --check

lint-types: $(VENV)/.installed-test,lint
	$(BIN)/mypy

lint-imports: $(VENV)/.installed-test,lint
	$(BIN)/lint-imports

docs: $(VENV)/.installed-docs
	$(BIN)/sphinx-build -W --keep-going --fresh-env -q -b html docs docs/_build/html

bench: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) .tox build dist *.egg-info docs/_build htmlcov .coverage .hypothesis .mypy_cache .ruff_cache \
		.import_linter_cache _trial_temp* twisted/plugins/dropin.cache
	find duck_tx tests benchmarks examples docs twisted -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# One stamp for each set of extras: the second run of a target goes straight to work.
$(VENV)/.made:
	@test -n "$(PYTHON)" || { \
		echo "No Python 3.11 or later with venv was found (on Debian: apt-get install python3-venv)." >&2; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml setup.py
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable .
	touch $@

# A scanner of TLS servers for the tests, in an environment of its own: it wants an older cryptography than the server.
$(VENV)/.installed-scanners: $(VENV)/.made
	$(BIN)/python -m venv $(VENV)/scanners
	$(VENV)/scanners/bin/python -m pip install --disable-pip-version-check --quiet "sslyze>=6.1"
	touch $@

$(VENV)/.installed-%: $(VENV)/.made pyproject.toml setup.py
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable ".[$*]"
	touch $@
