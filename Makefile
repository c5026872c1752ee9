VENV ?= .venv
PY := $(VENV)/bin/python
# One torch thread a process, two processes: far faster than two threads. No progress bars in stored outputs.
export OMP_NUM_THREADS ?= 1
export TQDM_DISABLE = 1
NBVAL := -p no:cacheprovider --nbval-lax --nbval-current-env --nbval-cell-timeout 1200 -n 2 --dist loadscope notebooks
.PHONY: help env book run seeds data shots url check-url test lint unit structure nbval browser colab newest benchmarks
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

env: $(VENV)/.stamp  ## create the virtual environment with the pinned packages

$(VENV)/.stamp: requirements.txt pyproject.toml
	python3 -m venv $(VENV)
	$(PY) -m pip install -q -r requirements.txt
	$(PY) -m pip install -q --no-deps --no-build-isolation -e .
	touch $@

book: env  ## build the site into _build/html
	rm -rf _build/html
	$(VENV)/bin/jupyter-book build . -W -n --keep-going --all --quiet
	@echo "Open file://$(CURDIR)/_build/html/index.html"

run: env  ## execute notebooks in place: NB=path (default: all whose code changed)
	TQDM_DISABLE= $(PY) scripts/run.py $(NB)

seeds: env  ## spread of each claim over seeds: NB=path N=5
	$(PY) scripts/seeds.py $(NB) $(N)

data: env  ## regenerate a data set: NAME=airfoils [CASES=n] (needs apt-get install openfoam gmsh)
	$(PY) -m pip install -q -r data/recipes/requirements.txt
	$(PY) -m pip install -q --no-deps aerosandbox==4.2.10
	$(VENV)/bin/snakemake --snakefile data/recipes/$(NAME)/Snakefile --directory . --cores 2 --keep-going \
	    --rerun-incomplete --rerun-triggers mtime $(if $(CASES),--config cases=$(CASES))

shots: env  ## screenshots of the built pages into _build/shots: PAGE=book/index (default: all)
	$(PY) scripts/shots.py $(PAGE)

url: env  ## write the repository's address into every file that names it: URL=https://github.com/OWNER/NAME
	$(PY) scripts/url.py $(URL)

check-url: env  ## fail if the files name another repository than URL
	$(PY) scripts/url.py --check $(URL)

test: lint unit structure book browser colab nbval  ## everything that CI checks

lint: env  ## style of the code
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

unit: env  ## unit tests and doctests of the helpers
	$(PY) -m pytest -q -n 2 tests/unit --doctest-modules pbdl_helpers

structure: env  ## notebooks, pages and configuration agree with each other
	$(PY) -m pytest -q -n 2 tests/structure

nbval: env  ## execute all notebooks and compare what must be the same everywhere
	$(PY) -m pytest -q $(NBVAL)

browser: env  ## the built site in headless Chromium; run `make book` first
	$(PY) -m pytest -q -n 2 tests/browser

colab: env  ## a notebook alone, in a fresh environment, installs and runs
	$(PY) -m pytest -q tests/colab

newest:  ## notebooks with the python3 at hand and the newest packages that pyproject.toml allows
	python3 -m pip install -q --upgrade . nbval pytest-xdist ipykernel
	python3 -m pytest -q $(NBVAL)

benchmarks: env  ## speed of the helpers against PhiFlow
	$(PY) -m pytest -q tests/benchmarks --benchmark-columns=min,median,rounds
