# make demo    the whole day on one machine: record, balance, train, deploy (about 10 minutes)
# make test    all tests
# make check   format, lint, types, tests: what CI runs
# make clean   remove the virtual environment; the folder of the demo stays

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo

.PHONY: demo test check format clean
.DEFAULT_GOAL := test

$(VENV)/ready: setup.py constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 10) <= sys.version_info < (3, 12) else "balanced_bc needs Python 3.10 or 3.11, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --use-pep517 --constraint constraints.txt --editable '.[ros,test,check]'
	touch $@

demo: $(VENV)/ready
	$(BIN)/balanced-bc demo --output $(DEMO)

test: $(VENV)/ready
	$(BIN)/python -m pytest

check: $(VENV)/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) test

format: $(VENV)/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV)
