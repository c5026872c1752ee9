PY := .venv/bin/python
export OMP_NUM_THREADS ?= 1
.PHONY: help env test lint unit book run seeds
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 8

env: .venv/.stamp  ## create .venv with the pinned packages

.venv/.stamp: requirements.txt pyproject.toml
	python3 -m venv .venv
	$(PY) -m pip install -q -r requirements.txt
	$(PY) -m pip install -q --no-deps --no-build-isolation -e .
	touch $@

book: env  ## build the site into _build/html
	.venv/bin/jupyter-book build . -W -n --keep-going --all --quiet
	@echo "Open file://$(CURDIR)/_build/html/index.html"

run: env  ## execute notebooks in place: NB=path (default: all whose code changed)
	$(PY) scripts/run.py $(NB)

seeds: env  ## spread of each claim over seeds: NB=path N=5
	$(PY) scripts/seeds.py $(NB) $(N)

test: lint unit  ## everything that CI checks

lint: env  ## ruff
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

unit: env  ## unit tests and doctests of the helpers
	$(PY) -m pytest -q -n 2 tests/unit --doctest-modules pbdl_helpers
