# Everything a user types. PYTHON is any Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro test test-slow bench fresh lint setup lock clean

repro: setup ## run what is stale of the study in params.yaml; the embedded phantom as shipped
	dvc repro

test: setup lint ## lint, types and the fast tests, a process for each core up to four
	python -m pytest --numprocesses logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder

test-slow: setup ## simulations and whole data sets
	python -m pytest -m slow

bench: .venv/.bench ## speed against peers and limits, under 15 minutes on a CPU; writes benchmarks/results/<machine>.json
	python benchmarks/bench.py

fresh: setup ## do metrics/ and plots/ belong to this code and params.yaml? are they the committed ones?
	@if [ -e data/prepared/images.npy ]; then dvc status --quiet; else dvc repro --dry --allow-missing > /dev/null; fi \
	  || { echo "error: metrics/, plots/ or dvc.lock are not those of this code and params.yaml; run make repro and commit them" >&2; exit 1; }
	@if ! git rev-parse --quiet --verify HEAD > /dev/null 2>&1 || git diff --quiet HEAD -- metrics plots; then exit 0; \
	elif git diff --quiet HEAD -- src params.yaml dvc.yaml; then \
	  echo "metrics/ and plots/ were computed on this machine; the committed ones are another machine's: git diff HEAD -- metrics shows by how much they differ, git checkout HEAD -- dvc.lock metrics plots brings those back"; \
	else echo "metrics/ and plots/ belong to code or params.yaml that are not committed yet: commit them together"; fi

lint: setup
	ruff check .
	ruff format --check .
	mypy

setup: .venv/.installed

# the stamp is written last, so a broken installation is done again
.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Sightline needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# peers that nothing else needs; what they need is there already
.venv/.bench: .venv/.installed benchmarks/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/requirements.lock
	touch $@

lock: ## renew requirements.lock from pyproject.toml, and the benchmarks' own
	uv pip compile --universal --python-version 3.11 --extra annotate --extra test --generate-hashes --no-header --output-file requirements.lock pyproject.toml
	uv pip compile --universal --python-version 3.11 --no-deps --generate-hashes --no-header --output-file benchmarks/requirements.lock benchmarks/requirements.in

clean: ## what the stages made, not the environment
	rm -rf data/prepared data/models data/saliency data/checkpoints data/consensus.npz data/annotations.npz data/alignment.csv
