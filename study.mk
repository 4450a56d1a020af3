# What make does in any study's folder: the checkout's Makefile includes it, and so does that of `sightline new`.
# PYTHON is any Python 3.11 or newer. SIGHTLINE is what pip installs into .venv in a study that is no checkout, a wheel or
# a checkout's folder, with EXTRAS (EXTRAS=train,dicom). Without it, and without .venv, make uses the Sightline of the
# active environment. There is no default: package indexes have a project of another author under this name.
PYTHON ?= python3
EXTRAS ?= train
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# NumPy's small products are not worth its threads, which spin while they wait: stage consensus at 128 pixels took 12.5 s
# of CPU and 32 s in all with two threads, 1.9 and 2.4 s with one (2 cores of an Intel Xeon, beside other work,
# 2026-11-27). PyTorch has its own threads.
export OPENBLAS_NUM_THREADS ?= 1
# Containers often set this, and then every process compiles again what it imports, since the setup compiles nothing:
# stage train starts in 10.5 s of CPU with it and in 3.9 s without, stage report in 2.9 and 0.7 s (same machine, beside
# other work, 2026-11-27).
unexport PYTHONDONTWRITEBYTECODE

.PHONY: repro experiments fresh setup clean

repro: setup ## run what is stale of the study in params.yaml; ends with the verdict on each model
	@SIGHTLINE_QUIET=1 dvc repro
	@sightline summary

experiments: setup ## what each `dvc exp run` changed, and its numbers per model
	@sightline experiments

fresh: setup ## do metrics/ and plots/ belong to this code and params.yaml? are they the committed ones?
	@if [ -e data/prepared/images.npy ]; then dvc status --quiet; else dvc repro --dry --allow-missing > /dev/null; fi \
	  || { echo "error: metrics/, plots/ or dvc.lock are not those of this code and params.yaml; run make repro and commit them" >&2; exit 1; }
	@if ! git rev-parse --quiet --verify HEAD > /dev/null 2>&1 || git diff --quiet HEAD -- metrics plots; then exit 0; \
	elif git diff --quiet HEAD -- src code.yaml params.yaml dvc.yaml; then \
	  echo "metrics/ and plots/ were computed on this machine; the committed ones are another machine's: git diff HEAD -- metrics shows by how much they differ, git checkout HEAD -- dvc.lock metrics plots brings those back"; \
	else echo "metrics/ and plots/ belong to code or params.yaml that are not committed yet: commit them together"; fi

setup: .venv/.installed

# The stamp is written last, so a broken installation is done again. Python compiles what it imports when it first does:
# compiling all that is installed takes a minute of CPU.
define ENVIRONMENT
$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Sightline needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
$(PYTHON) -m venv .venv
endef

ifneq ($(wildcard requirements.lock),)
.venv/.installed: requirements.lock pyproject.toml
	$(ENVIRONMENT)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@
else ifdef SIGHTLINE
.PHONY: .venv/.installed
.venv/.installed:
	$(ENVIRONMENT)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check "$(SIGHTLINE)[$(EXTRAS)]"
	touch $@
else
.PHONY: .venv/.installed
.venv/.installed:
	@command -v sightline > /dev/null || { echo "error: no sightline here; activate the environment that has it, or: make setup SIGHTLINE=<a wheel of Sightline, or its checkout>" >&2; exit 1; }
endif

clean: ## what the stages made, not the environment
	rm -rf data/prepared data/models data/saliency data/checkpoints data/consistency data/consensus.npz data/annotations.npz data/lungs.npz data/lung_films.npy \
	  data/alignment.csv data/ladder.csv data/verdict.csv data/multiverse.csv
