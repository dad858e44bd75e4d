# `make demo` and `make test` do all their own set-up in .venv; nothing outside this folder is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The lock files name every package, so nothing is resolved: pip's resolver may look at a release that is newer
# than the lock, and then refuses it for having no hash.
$(VENV)/.run: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mailrunner needs Python 3.11 or newer; say e.g. make demo PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) (once; about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@echo "Adding the tools for tests to $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip check --quiet --disable-pip-version-check
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
	@$(BIN)/pytest -n auto --dist worksteal -m "not slow"

fast: $(VENV)/.dev  ## the tests without the long ones, no checks
	@$(BIN)/pytest -n auto --dist worksteal -m "not slow" -x

coverage: $(VENV)/.dev  ## the same with the lines and branches they reach; the table goes to build/coverage.txt too
	@rm -rf build/coverage && mkdir -p build/coverage
	@$(BIN)/pytest -n auto --dist worksteal -m "not slow" --cov --cov-report= $(TESTS); tests=$$?; \
	  $(BIN)/coverage combine --quiet --append >/dev/null 2>&1; \
	  $(BIN)/coverage report | tee build/coverage.txt; exit $$tests

wheel-test: $(VENV)/.dev  ## build the wheel and run the fast tests against it, without the tools of development
	@$(BIN)/python -m tools.wheel_test $(TESTS)

matrix: $(VENV)/.dev  ## wheel-test on every CPython from 3.11 on that this machine has (PATH and pyenv)
	@$(BIN)/python -m tools.wheel_test --every-python $(TESTS)

architecture: $(VENV)/.dev  ## draw docs/architecture.svg anew from the imports
	@$(BIN)/python -m tools.architecture

release: check  ## build what is to be published, and say what to do with it; uploads nothing
	@$(BIN)/python -m tools.release

sbom: $(VENV)/.dev  ## the bill of materials (CycloneDX): build/dist/mailrunner-VERSION.cdx.json
	@$(BIN)/python -m tools.sbom

fuzz: $(VENV)/.dev  ## what strangers send, changed at random, for ten minutes (FUZZ="--seed 2 --only mail")
	@$(BIN)/python -m tests.fuzz --seconds 600 $(FUZZ)

crash: $(VENV)/.dev  ## kill runs 600 times and print what came of it (under twenty minutes)
	@$(BIN)/python -m tests.crash --kills 600 --seed 1 --report build/crash.md

apis: $(VENV)/.dev  ## campaigns of 600 over every HTTP API, which fail in every way, and a hundred kills over HTTP
	@API_RECIPIENTS=600 $(BIN)/pytest -q -p no:xdist --timeout=0 tests/sending/test_api_campaigns.py
	@$(BIN)/python -m tests.crash --transport http --kills 100 --seed 1 --report build/crash-http.md

soak: $(VENV)/.dev  ## random operations on projects for ten minutes, held against the servers' own record
	@$(BIN)/python -m tests.soak --for 10

mutants: $(VENV)/.dev  ## change the modules that promises hang on, and print what the tests do not notice (30 minutes)
	@$(BIN)/python -m tools.mutants --minutes 30

machines: $(VENV)/.dev  ## three machines at one ledger, killed and cut off, and a table of what came of it (a quarter of an hour)
	@$(BIN)/python -m tests.machines

throughput: $(VENV)/.dev  ## runs of one campaign over one ledger and several: rate, waits for locks, CPU (five minutes)
	@$(BIN)/python -m tests.machines.throughput

crash-peers: $(VENV)/.dev  ## the same kill for other programs, in an environment of their own
	@test -x build/peers/bin/python || $(PYTHON) -m venv build/peers
	@build/peers/bin/python -m pip install --quiet --disable-pip-version-check -r tests/crash/peers/requirements.txt
	@$(BIN)/python -m tests.crash.peers --home build/peers --report build/crash-peers.md

axe:  ## axe-core in build/, which looks for obstacles on pages (needs npm)
	@mkdir -p build/axe-core && cd build && npm pack --silent axe-core@4.14.1 >/dev/null \
	  && tar -xzf axe-core-4.14.1.tgz -C axe-core --strip-components 1 && rm axe-core-4.14.1.tgz

caniemail: $(VENV)/.dev  ## make the table of what mail programs support anew (needs npm)
	@$(BIN)/python -m tools.caniemail

looks: $(VENV)/.dev  ## do messages look as their templates do? public templates in Chromium (needs npm; a quarter of an hour)
	@$(BIN)/python -m tests.looks

pictures: $(VENV)/.dev  ## the pictures of README.md, from the real pages (needs chromium)
	@$(BIN)/python -m tools.pictures

bench: $(VENV)/.dev  ## every measurement of docs/performance.md, side by side (about an hour; needs postfix's smtp-sink)
	@mkdir -p build
	@$(BIN)/python -m bench | tee build/bench.md

guard: $(VENV)/.dev  ## is the CPU time of a message what it should be, against a fixed loop? (half a minute)
	@$(BIN)/python -m bench.guard

docs: $(VENV)/.dev  ## build the documentation site and the man page, offline: build/site/, build/man/
	@$(BIN)/python -m tools.site

man: $(VENV)/.dev  ## write the man page from the commands: build/man/mailrunner.1
	@mkdir -p build/man
	@$(BIN)/python -m mailrunner.cli.man_page > build/man/mailrunner.1

commands: $(VENV)/.dev  ## write docs/commands.md anew from the code
	@$(BIN)/python -m mailrunner.cli.reference > docs/commands.md

LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
  --no-emit-index-url --no-emit-find-links pyproject.toml
lock:  ## write the lock files anew, with the hashes of every file (needs uv)
	$(LOCK) -o requirements.lock
	$(LOCK) --group test --all-extras -o requirements-test.lock
	$(LOCK) --group dev --all-extras -o requirements-dev.lock

clean:  ## remove what make and the demo made
	rm -rf $(VENV) demo build/dist build/wheel-test build/coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup dev demo check test fast coverage wheel-test matrix architecture release sbom fuzz crash apis soak mutants \
  machines throughput crash-peers caniemail looks pictures bench guard docs man commands lock clean
