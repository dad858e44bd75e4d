# `make demo` and `make test` do all their own set-up in .venv; nothing outside this folder is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.run: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mailrunner needs Python 3.11 or newer; say e.g. make demo PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) (once; about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@echo "Adding the tools for tests to $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

setup: $(VENV)/.run  ## make .venv with mailrunner in it
dev: $(VENV)/.dev  ## the same with all that tests need

demo: $(VENV)/.run  ## send the example newsletter to a server of our own and look at the report
	@$(BIN)/mailrunner demo

check: $(VENV)/.dev  ## ruff, mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

test: check  ## check, then all the tests but the long ones (under ten minutes)
	@$(BIN)/pytest -n auto -m "not slow"

fast: $(VENV)/.dev  ## the tests without the long ones, no checks
	@$(BIN)/pytest -n auto -m "not slow" -x

crash: $(VENV)/.dev  ## kill runs 600 times and print what came of it (under twenty minutes)
	@$(BIN)/python -m tests.crash --kills 600 --seed 1 --report build/crash.md

crash-peers: $(VENV)/.dev  ## the same kill for other programs, in an environment of their own
	@test -x build/peers/bin/python || $(PYTHON) -m venv build/peers
	@build/peers/bin/python -m pip install --quiet --disable-pip-version-check -r tests/crash/peers/requirements.txt
	@$(BIN)/python -m tests.crash.peers --home build/peers --report build/crash-peers.md

bench: $(VENV)/.dev  ## every measurement of docs/performance.md, side by side (about an hour; needs postfix's smtp-sink)
	@mkdir -p build
	@$(BIN)/python -m bench | tee build/bench.md

guard: $(VENV)/.dev  ## is the CPU time of a message what it should be, against a fixed loop? (half a minute)
	@$(BIN)/python -m bench.guard

commands: $(VENV)/.dev  ## write docs/commands.md anew from the code
	@$(BIN)/python -m mailrunner.cli.reference > docs/commands.md

lock:  ## write the lock files anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 pyproject.toml --no-annotate --no-header --no-emit-index-url --no-emit-find-links -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --group dev --all-extras pyproject.toml --no-annotate --no-header --no-emit-index-url --no-emit-find-links -o requirements-dev.lock

clean:  ## remove what make and the demo made
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup dev demo check test fast crash crash-peers bench guard commands lock clean
