PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
# One torch thread a process, two processes: far faster than two threads. No progress bars in stored outputs.
export OMP_NUM_THREADS ?= 1
export TQDM_DISABLE = 1
SITE := _build/html/.complete
# what the site is made from; sed keeps names with spaces whole
SOURCES := $(shell find book notebooks pbdl_helpers tools -type f ! -path '*/.*' ! -path '*/_artifacts/*' ! -name '*.pyc' \
    | sed 's/ /\\ /g') _config.yml _toc.yml requirements.txt pyproject.toml
.PHONY: help env book run seeds data networks lock shots url check-url version check-version check test lint unit structure site node browser nbval colab \
    recipes peers newest benchmarks
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

env:  ## the virtual environment with the pinned packages: made, completed or made again as needed
	@$(PYTHON) tools/environment.py "$(VENV)"

book: $(SITE)  ## build the site into _build/html
	@echo "Open file://$(CURDIR)/_build/html/index.html"

$(SITE): $(SOURCES) | env node
	rm -rf _build/html build
	$(VENV)/bin/jupyter-book build . -W -n --keep-going --all --quiet
	$(PY) -m pip wheel -q --no-deps --no-build-isolation --wheel-dir _build/html .
	rm -rf build
	touch $@

run: env  ## execute notebooks in place: NB=path (default: all whose code changed)
	TQDM_DISABLE= $(PY) -m tools.run $(if $(NB),"$(NB)")

seeds: env  ## spread of each claim over seeds: NB=path N=5 FIRST=0
	$(PY) -m tools.seeds "$(NB)" "$(or $(N),5)" "$(or $(FIRST),0)"

# Rules of data/recipes on this machine; a cluster runs the same ones with an executor plugin. Without --forcerun the
# stored file would be taken for up to date.
SNAKEMAKE = $(VENV)/bin/snakemake --directory . --cores 2 --keep-going --rerun-incomplete --rerun-triggers mtime

data: env  ## regenerate a data set: NAME=airfoils [CASES=n] (needs apt-get install openfoam gmsh)
	$(PY) -m pip install -q -r data/recipes/requirements.txt
	$(PY) -m pip install -q --no-deps aerosandbox==4.2.10
	$(SNAKEMAKE) --forcerun collect --snakefile data/recipes/$(NAME)/Snakefile $(if $(CASES),--config cases=$(CASES))

networks: env  ## train the networks of a notebook again: NAME=airfoils_unet [CASES=n]
	$(PY) -m pip install -q -r data/recipes/requirements.txt
	$(SNAKEMAKE) --snakefile data/recipes/networks/Snakefile --config name=$(NAME) \
	    $(if $(CASES),cases=$(CASES),--forcerun collect)

lock: env  ## write requirements.lock from requirements.txt: all packages of the tested environment, with hashes
	$(PY) -m pip install -q uv==0.13.9
	$(PY) -m tools.lock

shots: $(SITE) node  ## screenshots of the built pages into _build/shots: PAGE=book/index (default: all)
	$(PY) -m tools.shots $(PAGE)

url: env  ## write the repository's address into every file that names it: URL=https://github.com/OWNER/NAME
	$(PY) -m tools.url "$(URL)"

check-url: env  ## fail if the files name another repository than URL
	$(PY) -m tools.url --check "$(URL)"

version: env  ## raise the version of helpers and data in every file that names it: VERSION=0.3.0
	$(PY) -m tools.version "$(VERSION)"

check-version: env  ## fail if helpers or data differ from the release of their version
	$(PY) -m tools.version --check

check: lint unit structure site  ## what to run every day: all but the browser, Colab and the notebooks

test: check browser colab recipes peers nbval  ## everything that CI checks

lint: env  ## style of the code
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

unit: env  ## unit tests and doctests of helpers and tools
	PYTHONWARNDEFAULTENCODING=1 $(PY) -m pytest -q -n 2 tests/unit --doctest-modules pbdl_helpers tools/pages.py

structure: env  ## notebooks, pages and configuration agree with each other
	PYTHONWARNDEFAULTENCODING=1 $(PY) -m pytest -q -n 2 tests/structure

site: $(SITE)  ## links and markup of the built site
	$(PY) -m pytest -q tests/site

node: env  ## what the browser tests need from npm, once
	$(PY) -m tools.node

browser: $(SITE) node  ## the built site in headless Chromium
	$(PY) -m pytest -q -n 2 tests/browser

nbval: env  ## execute notebooks and compare what must be the same everywhere: all, or those changed since BASE=revision
	$(PY) -m tools.nbval $(BASE)

colab: $(SITE)  ## a notebook alone, in a fresh environment, installs and runs
	$(PY) -m pytest -q tests/colab

recipes: env  ## a case of each data set that OpenFOAM makes, computed again (skipped without openfoam and gmsh)
	$(PY) -m pip install -q --no-deps aerosandbox==4.2.10
	$(PY) -m pytest -q -n 2 tests/recipes

peers: env  ## what a chapter teaches, against a library for it that is too heavy for every reader
	$(PY) -m pip install -q --no-deps torchcfm==1.0.7 pot==0.9.7.post1
	$(PY) -m pytest -q tests/peers

newest:  ## notebooks with the python3 at hand and the newest packages that pyproject.toml allows
	$(PYTHON) -m pip install -q --upgrade . nbval nbclient pytest-xdist ipykernel
	$(PYTHON) -m tools.nbval

benchmarks: env  ## speed of the helpers against PhiFlow
	$(PY) -m pytest -q tests/benchmarks --benchmark-columns=min,median,rounds
