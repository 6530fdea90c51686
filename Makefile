# Gatehouse: `make help` lists what can be done.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
# Uncompiled packages would make every start slow.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
CODE := registry tests alembic deploy
ARGS ?=
PYTEST_ARGS ?=

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Make .venv from the lock files (nothing to do when it is there)
	@deploy/setup.sh

.PHONY: system-packages
system-packages: setup ## Install chromium, fonts and wrk by apt where missing and possible
	@deploy/system-packages.sh

.PHONY: node-packages
node-packages: ## Install what some tests use from npm, where npm is there
	@deploy/node-packages.sh

.PHONY: hub-clients
hub-clients: setup ## Make an environment for each version of the Hub's client that is put to the test
	@deploy/hub-clients.sh

.PHONY: format
format: setup ## Bring the code into its layout
	$(BIN)/ruff check --fix-only --quiet $(CODE)
	$(BIN)/ruff format --quiet $(CODE)

.PHONY: lint
lint: setup ## Check style, types, layers and locks
	$(BIN)/ruff check --quiet $(CODE)
	$(BIN)/ruff format --quiet --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python deploy/check_locks.py

.PHONY: test
test: setup system-packages node-packages hub-clients lint ## Set up, lint and run all tests; PYTEST_ARGS adds options
	$(BIN)/pytest -n auto $(PYTEST_ARGS)

.PHONY: bench
bench: setup system-packages ## Measure and print the table of docs/benchmarks.md
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: demo
demo: setup ## Run the registry with a demo catalog; ARGS="--check" runs the whole journey once
	@exec $(BIN)/gatehouse demo $(ARGS)

.PHONY: lock
lock: ## Write the lock files anew (needs uv; UV_DEFAULT_INDEX names another index)
	uv pip compile -q --universal --generate-hashes --no-header pyproject.toml --group dev -o requirements.lock
	uv pip compile -q --universal --generate-hashes --no-header --no-deps requirements-demo.in -o requirements-demo.lock
	for client in deploy/hub-clients/*.in; do \
		uv pip compile -q --universal --generate-hashes --no-header "$$client" -o "$${client%.in}.lock" || exit 1; \
	done

.PHONY: clean
clean: ## Remove everything that make made, but not the data in var/
	rm -rf .venv .hub-clients node_modules build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
