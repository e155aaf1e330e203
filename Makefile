# The ways in; `make` alone lists them. Set-up happens on its own, and again when it is out of date.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8080
URL ?=
TOKEN ?=
ARGS ?=

BIN := .venv/bin
USE := .venv/.installed
DEV := .venv/.installed-dev
NODE := $(patsubst %/package-lock.json,%/node_modules/.installed,\
	$(wildcard tests/*/tools/package-lock.json examples/*/package-lock.json))

.DEFAULT_GOAL := help
.PHONY: help mock conformance url test lint types tests kill-table tools format wheel clean

help: ## Show this list
	@echo "make mock                              and open http://127.0.0.1:8080"
	@echo "make mock PORT=9000 ARGS='--seed 7'    elsewhere, with options of runs-mock serve"
	@echo "make conformance URL=http://127.0.0.1:8080 TOKEN=demo"
	@echo "                                       and read the verdict"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

mock: $(USE) ## Serve the mock on 127.0.0.1
	@$(BIN)/runs-mock serve --port $(PORT) $(ARGS)

conformance: url $(USE) ## Hold the service at URL against the contract
	@$(if $(TOKEN),RUNS_CONFORMANCE_TOKEN='$(TOKEN)') \
		$(BIN)/runs-conformance run --base-url "$(URL)" $(ARGS)

url:
	@test -n "$(URL)" || { echo "Which service? make conformance URL=http://127.0.0.1:8080"; exit 2; } >&2

test: lint types tests ## Everything that must hold: lint, types, tests, the built wheel

lint: $(DEV) ## Look for mistakes and stray formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(DEV) ## Check the types of both packages
	$(BIN)/mypy

tests: $(DEV) tools ## Run the tests; ARGS='-k name' for some of them
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

kill-table: $(DEV) ## Write docs/kill-table.md: who catches which liar; ARGS=--quick for a faster look
	@$(BIN)/python tests/conformance/kill_table.py $(ARGS)

tools: ## Install the Node tools that some tests need
	@if command -v npm >/dev/null; then $(MAKE) --silent --no-print-directory $(NODE); \
	else echo "npm is not on this machine: the tests that need it are skipped"; fi

format: $(DEV) ## Mend what can be mended without thought
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

wheel: $(DEV) ## Build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation

clean: ## Remove what set-up, tests and builds have made
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/*/tools/node_modules examples/*/node_modules
	find mock_server conformance tests examples bench -name __pycache__ -prune -exec rm -rf {} +

$(USE): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "Setting up .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(DEV): $(USE)
	@echo "Setting up what the tests need"
	@$(BIN)/python -m pip install --quiet --group dev
	@touch $@

%/node_modules/.installed: %/package-lock.json
	@echo "Setting up $*"
	@cd $* && npm ci --loglevel=error
	@touch $@
