# The one door: `make demo` and `make test` work in a fresh clone, and make .venv when it is missing.
.DEFAULT_GOAL := help
.PHONY: help demo test lint ruff mypy imports stale pytest fuzz test-mobile test-mcu mutants
.PHONY: format bench clean
.NOTPARALLEL:
MAKEFLAGS += --keep-going

SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# their converters take minutes for a network, on a busy machine a quarter of an hour
PATIENT := --timeout 1800

export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

$(STAMP): pyproject.toml constraints/cpu.txt
	@test -x $(PY) || for python in $(PYTHON) python3.11 python3; do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  echo "$$python -m venv $(VENV)"; $$python -m venv $(VENV) && break; \
	done
	@test -x $(PY) || { echo "python 3.11 or newer is needed: make PYTHON=<interpreter>" >&2; exit 1; }
	$(PY) -m pip install --quiet -c constraints/cpu.txt -e '.[dev]'
	@touch $@

demo: $(STAMP) ## the whole road on a small space, on a CPU
	$(PY) examples/demo.py

test: lint stale pytest ## everything CI runs; a step that fails does not hide the next

lint: ruff mypy imports ## ruff, its formatter, mypy --strict, import-linter

ruff: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

mypy: $(STAMP)
	$(PY) -m mypy --strict

imports: $(STAMP)
	$(VENV)/bin/lint-imports

pytest: $(STAMP)
	$(PY) -m pytest -n auto --dist loadfile

fuzz: $(STAMP) ## judge new random spaces: make fuzz SECONDS=600 [SEED=1000] [RECORD=fuzz.jsonl]
	PYTHONPATH=.:tests OMP_NUM_THREADS=1 $(PY) tests/fuzz.py --seconds $(or $(SECONDS),60) \
	  $(if $(SEED),--seed $(SEED)) $(if $(RECORD),--record $(RECORD))

test-mobile: .venv-mobile/.installed ## exports to ExecuTorch, in an environment of its own
	.venv-mobile/bin/python -m pytest -s -p no:anyio $(PATIENT) tests/test_export_mobile.py

test-mcu: .venv-mcu/.installed ## exports to tflite, and memory and flash on microcontrollers
	.venv-mcu/bin/python -m pytest -s -p no:anyio -p no:jaxtyping $(PATIENT) \
	  tests/test_export_mcu.py

.venv-%/.installed: pyproject.toml constraints/cpu.txt | $(STAMP)
	test -x .venv-$*/bin/python || $(PY) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet -c constraints/cpu.txt -e '.[$*]' \
	  hypothesis pytest pytest-timeout
	@touch $@

mutants: $(STAMP) ## do the tests notice small changes of the code? In the background, for hours
	@mkdir -p build/mutants
	@nohup nice -n 10 $(PY) benchmarks/mutants.py $(MUTANTS) >> build/mutants/log.txt 2>&1 &
	@echo "follow build/mutants/log.txt; so far: $(PY) benchmarks/mutants.py --report"

stale: $(STAMP) ## do the committed generated packages match their spaces?
	@if compgen -G 'generated/*/supernet.py' >/dev/null; then \
	  echo "$(PY) -m ofadsl compile --check"; $(PY) -m ofadsl compile --check; \
	else echo "stale: nothing is generated yet"; fi

format: $(STAMP) ## rewrite the sources as ruff likes them
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: $(STAMP) ## measure: every benchmarks/bench_*.py
	@for file in benchmarks/bench_*.py; do \
	  test -e "$$file" || { echo "bench: there is no benchmark yet"; continue; }; \
	  echo "$(PY) $$file"; $(PY) "$$file" || exit 1; \
	done

clean: ## remove the environment, the caches and the builds
	rm -rf $(VENV) .venv-mobile .venv-mcu build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
