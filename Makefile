# The commands of the project; `make` alone lists them. Each one installs what it needs, in .venv and
# from the locked requirements, and again when these change.

# The first of these that is Python 3.11 or newer. A name may be on the path and still not start.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
PORT ?= 8080
URL ?=
TOKEN ?=
ARGS ?=
EXAMPLES ?= 2000
# What `make contract-diff` compares with.
BASE ?= $(shell git describe --tags --abbrev=0 2>/dev/null)
# What `make test` leaves to `make test-all`.
SELECT := -m 'not extended'

BIN := .venv/bin
RUN := .venv/.installed
DEV := .venv/.installed-dev
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCK := $(BIN)/uv pip compile pyproject.toml --extra mock --extra store --extra kit --extra mcp \
	--universal --python-version 3.11 --upgrade --generate-hashes --no-emit-index-url \
	--custom-compile-command 'make update' --quiet
NODE := $(patsubst %/package-lock.json,%/node_modules/.installed,\
	$(wildcard tests/tools/package-lock.json tests/*/tools/package-lock.json examples/*/package-lock.json))

.DEFAULT_GOAL := help
.PHONY: help mock conformance url test test-all test-latest checks lint types tests language kill-table fuzz \
	contract contract-diff docs screenshots \
	tools hooks format update wheel clean

help: ## Show this list
	@echo "make mock                              and open http://127.0.0.1:8080"
	@echo "make mock PORT=9000 ARGS='--seed 7'    on another port, with options of runs-mock serve"
	@echo "make conformance URL=http://127.0.0.1:8080 TOKEN=demo"
	@echo "                                       and read the verdict"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

mock: $(RUN) ## Serve the mock on 127.0.0.1
	@$(BIN)/runs-mock serve --port $(PORT) $(ARGS)

conformance: url $(RUN) ## Check the service at URL against the contract
	@$(if $(TOKEN),RUNS_CONFORMANCE_TOKEN='$(TOKEN)') \
		$(BIN)/runs-conformance run --base-url "$(URL)" $(ARGS)

url:
	@test -n "$(URL)" || { echo "URL: expected an address, got ''. Try make conformance URL=http://127.0.0.1:8080"; exit 2; } >&2

test: checks tests ## Run lint, type checks and the tests, except those marked `extended`

test-all: SELECT :=
test-all: checks tests ## Run everything that has to pass: all tests, and the kill table
	@$(BIN)/python tests/conformance/kill_table.py

test-latest: $(DEV) ## Run the tests with the newest releases of all libraries; name what broke
	$(BIN)/python tools/latest.py $(SELECT) $(ARGS)

checks: $(DEV)
	@$(MAKE) --no-print-directory --jobs=2 lint types

lint: $(DEV) ## Look for mistakes and for formatting that differs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python tools/language.py --check

types: $(DEV) ## Check the types of both packages
	$(BIN)/mypy

tests: $(DEV) tools ## Run the tests alone; ARGS='-k name' for some of them
	$(BIN)/python -m pytest -n auto --dist worksteal $(SELECT) $(ARGS)

language: $(DEV) ## Measure the words of the project, and list the banned ones that are left
	$(BIN)/python tools/language.py --check

fuzz: $(DEV) ## Send EXAMPLES mutated documents and requests of each kind to the mock, other ones each time
	MOCK_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -n auto tests/mock_server/test_fuzz.py $(ARGS)

kill-table: $(DEV) ## Write docs/kill-table.md: which check kills which mutant; ARGS=--whole tests more
	@$(BIN)/python tests/conformance/kill_table.py $(ARGS)

contract: $(RUN) ## Write what is computed: fixtures/contract, fixtures/schemas, pages of docs
	@$(BIN)/runs-conformance contract forms --write fixtures/contract
	@for page in contract questions requirements; do \
		$(BIN)/runs-conformance contract page $$page --write docs/$$page.md; done
	@for kind in scenario behaviour world preset; do \
		$(BIN)/runs-mock schema $$kind --write fixtures/schemas/$$kind.json; done
	@$(BIN)/runs-conformance schema config --write fixtures/schemas/conformance.json

docs: $(DEV) ## Build the guides as a site, site/index.html, which works offline
	@$(BIN)/python tools/build_site.py

screenshots: $(DEV) ## Take the pictures of the dashboard for the guides, docs/images; needs chromium
	@PYTHONPATH=tests $(BIN)/python tests/dashboard/screenshots.py $(ARGS)

contract-diff: $(RUN) ## Judge the changes of openapi.yaml since BASE, by default the last tag
	@mkdir -p dist
	@{ test -n "$(BASE)" && git show "$(BASE):openapi.yaml" > dist/openapi-base.yaml; } || \
		{ echo "BASE: expected a commit with openapi.yaml, got '$(BASE)'. Try make contract-diff BASE=main"; exit 2; } >&2
	@$(BIN)/runs-conformance contract diff $(ARGS) dist/openapi-base.yaml openapi.yaml

tools: ## Install the Node tools that some tests need
	@if command -v npm >/dev/null; then $(MAKE) --silent --no-print-directory $(NODE); \
	else echo "npm is not on this machine: the tests that need it are skipped"; fi

hooks: $(DEV) ## Run lint, types and the check of commit subjects on each commit
	$(BIN)/pre-commit install --install-hooks

format: $(DEV) ## Repair what can be repaired automatically
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

update: $(DEV) ## Lock the newest releases that pyproject.toml permits
	$(LOCK) --group build --output-file requirements/run.txt
	$(LOCK) --group dev --constraint requirements/run.txt --output-file requirements/dev.txt
	$(BIN)/uv pip compile tests/tools/requirements.in --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-emit-index-url --custom-compile-command 'make update' --quiet \
		--output-file tests/tools/requirements.txt

wheel: $(DEV) ## Build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation

clean: ## Remove what set-up, tests and builds have made
	rm -rf .venv .venv-latest dist build site .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/tools/node_modules tests/*/tools/node_modules examples/*/node_modules
	find mock_server conformance tests tools examples bench -name __pycache__ -prune -exec rm -rf {} +

$(RUN): pyproject.toml requirements/run.txt
	@test -n "$(PYTHON)" || \
		{ echo "Python: expected 3.11 or newer on the path. Try make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "Setting up .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv
	@$(INSTALL) --require-hashes --requirement requirements/run.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(RUN) requirements/dev.txt
	@echo "Setting up what the tests need"
	@$(INSTALL) --require-hashes --requirement requirements/dev.txt
	@touch $@

%/node_modules/.installed: %/package-lock.json
	@echo "Setting up $*"
	@cd $* && npm ci --loglevel=error
	@touch $@
