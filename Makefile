# One verb a line; `make check` is what CI runs.
PYTHON ?= python
.PHONY: demo test check fmt lint imports types bench soak states rules night migration audit

demo:            ; $(PYTHON) -m runner demo
test:            ; $(PYTHON) -m pytest -q
fmt:             ; $(PYTHON) -m ruff format . && $(PYTHON) -m ruff check --fix .
lint:            ; $(PYTHON) -m ruff format --check . && $(PYTHON) -m ruff check .
imports:         ; lint-imports
types:           ; $(PYTHON) -m mypy
check: lint imports types test
bench:           ; $(PYTHON) benchmarks/throughput.py
soak:            ; $(PYTHON) -m tests.soak
states:          ; $(PYTHON) -m runner.cli.states README.md
rules:           ; $(PYTHON) -m runner.cli.endings docs/when-it-stops.md
night:           ; $(PYTHON) -m tests.docs.night docs/night.md
migration:       ; $(PYTHON) -m alembic -c migrations/alembic.ini revision -m "$(m)"
audit:           ; $(PYTHON) -m pip_audit
