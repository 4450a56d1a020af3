# Everything a user types; study.mk has what any study's folder needs: repro, experiments, fresh, setup, clean.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

.PHONY: test test-slow bench lint lock

test: setup lint ## lint, types and the fast tests, a process for each core up to four
	python -m pytest --numprocesses logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder

test-slow: setup ## simulations and whole data sets
	python -m pytest -m slow

bench: .venv/.bench ## speed against peers and limits, under 15 minutes on a CPU; writes benchmarks/results/<machine>.json
	python benchmarks/bench.py

lint: setup
	ruff check .
	ruff format --check .
	mypy

# peers that nothing else needs; what they need is there already
.venv/.bench: .venv/.installed benchmarks/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/requirements.lock
	touch $@

lock: ## renew requirements.lock from pyproject.toml, and the benchmarks' own
	uv pip compile --universal --python-version 3.11 --extra annotate --extra dicom --extra onnx --extra timm --extra test --generate-hashes --no-header --output-file requirements.lock pyproject.toml
	uv pip compile --universal --python-version 3.11 --no-deps --generate-hashes --no-header --output-file benchmarks/requirements.lock benchmarks/requirements.in
