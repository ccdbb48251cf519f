# All that is needed beforehand is make and Python 3.11 or newer.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test check bench lint types staircase fresh

export UV_SYSTEM_CERTS := 1
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/.venv
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

BIN := .venv/bin
SUITABLE := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for it in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$it" -c '$(SUITABLE)' 2>/dev/null && { echo "$$it"; break; }; done)

is = $(filter-out 0 no false,$($(1)))
EXTRAS := broker triage advisories $(if $(call is,EMBEDDINGS),embeddings)
SYNCED := .venv/.synced$(if $(call is,EMBEDDINGS),-embeddings)

# Modules that write files of this repository; with --check they only say whether a file is stale.
GENERATED := tests.docs.catalogues

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile
	@printf '\n  %s\n' 'demo takes DATA=DIR, EMBEDDINGS=1 and JSON=1; bench takes JSON=1; test takes ARGS="-k name"'

install: $(SYNCED) ## everything into .venv, as uv.lock pins it

demo: $(SYNCED) ## a bank's inbox through a real Kafka, ending with a table of results
	@$(BIN)/python -m triage.demo $(if $(DATA),--data '$(DATA)') $(if $(call is,EMBEDDINGS),--embeddings) $(if $(call is,JSON),--json)

test: $(SYNCED) ## all tests, those on a real Kafka too
	@$(BIN)/pytest $(ARGS)

check: lint types staircase fresh ## lint, format, types, staircase of imports, fresh files; changes nothing

bench: $(SYNCED) ## how fast, against raw loops on the same broker
	@$(BIN)/python tests/bench/run.py $(if $(call is,JSON),--json)

lint: $(SYNCED)
	$(BIN)/ruff check services tests
	$(BIN)/ruff format --check services tests

types: $(SYNCED)
	$(BIN)/mypy services tests

staircase: $(SYNCED)
	$(BIN)/lint-imports

fresh: $(SYNCED)
	$(BIN)/uv lock --check
	@set -e; for module in $(GENERATED); do echo "$$module --check"; $(BIN)/python -m "$$module" --check; done

$(SYNCED): $(BIN)/uv pyproject.toml uv.lock
	@$(BIN)/uv sync --quiet --locked --inexact --all-groups $(addprefix --extra ,$(EXTRAS)) >&2
	@touch $@

$(BIN)/uv: .ci/uv.txt
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is needed; name it with make PYTHON=...' >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r .ci/uv.txt >&2
	@touch $@
