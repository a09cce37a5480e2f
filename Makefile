# Two commands matter: `make demo` and `make test`; each sets up all it needs in .venv first.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: demo test bench check lint types newcomer lock clean

.venv/.ready: requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Simpul needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: .venv/.ready
	@$(BIN)/simpul demo $(ARGS)

test: check
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

# Needs Maven and a JDK for the Kafka Streams peer; a part by ARGS="fold".
bench: .venv/.ready
	$(BIN)/python -m tests.bench $(ARGS)

check: lint types

lint: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.ready
	$(BIN)/mypy

# From an empty virtual environment to the first receipt, and how long it took.
newcomer: .venv/.ready
	$(BIN)/python tests/newcomer/newcomer.py $(ARGS)

# Pins and hashes only, no addresses: needs `pip install uv`.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra dev pyproject.toml -o requirements/dev.txt

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache
