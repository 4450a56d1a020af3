# Everything a user types; study.mk has what any study's folder needs: repro, experiments, fresh, setup, clean.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

.PHONY: test fast-tests test-slow wheel bench docs notebooks lint lint-javascript lock

test: setup lint fast-tests ## lint, types and the fast tests, a process for each core up to four

fast-tests: setup
	python -m pytest --numprocesses logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder

test-slow: setup ## simulations and whole data sets
	python -m pytest -m slow

wheel: setup ## dist/: sdist and wheel, tried away from the checkout with the packages that they ask for, offline
	rm -rf dist
	SIGHTLINE_DIST=$(CURDIR)/dist python -m pytest -m slow tests/wheel --numprocesses logical --maxprocesses 2 --dist loadfile

bench: .venv/.bench ## speed against peers and limits, under 15 minutes on a CPU; writes benchmarks/results/<machine>.json
	python benchmarks/bench.py

docs: .venv/.docs ## the site of the documentation, build/docs/index.html; fails at a warning or a dead link
	rm -rf build/docs
	python -m sphinx --quiet --fail-on-warning --keep-going --builder html --conf-dir docs . build/docs
	python docs/check_site.py build/docs

notebooks: setup ## runs docs/notebooks and writes into them what their cells show
	python docs/run_notebooks.py

.venv/.docs: .venv/.installed docs/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r docs/requirements.lock
	touch $@

lint: setup lint-javascript
	ruff check .
	ruff format --check .
	mypy

# A machine without npm, without a network or with an old Node lints no JavaScript, says so, and goes on: nothing but
# this needs Node. The stamp lies in node_modules, which `npm ci` empties first.
ESLINT := tests/javascript/node_modules/.bin/eslint

lint-javascript:
	@if ! command -v npm > /dev/null; then echo "the JavaScript is not linted: there is no npm here"; \
	elif ! $(MAKE) --silent --file $(firstword $(MAKEFILE_LIST)) tests/javascript/node_modules/.installed > /dev/null 2>&1; then \
	  echo "the JavaScript is not linted: npm ci --prefix tests/javascript fails (is there a network? Node 18.18 or newer?)"; \
	else echo "eslint"; $(ESLINT) --config tests/javascript/eslint.config.js src/sightline/annotate/page src/sightline/report/viewer; fi

tests/javascript/node_modules/.installed: tests/javascript/package-lock.json tests/javascript/package.json
	npm ci --prefix tests/javascript --prefer-offline --no-audit --no-fund --fetch-timeout 20000 --fetch-retries 1 --fetch-retry-mintimeout 1000
	$(ESLINT) --version
	touch $@

# peers that nothing else needs; what they need is there already
.venv/.bench: .venv/.installed benchmarks/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/requirements.lock
	touch $@

lock: ## renew requirements.lock from pyproject.toml, the benchmarks' own and that of the site
	uv pip compile --universal --python-version 3.11 --extra all --extra dev --generate-hashes --no-header --output-file requirements.lock pyproject.toml
	uv pip compile --universal --python-version 3.11 --no-deps --generate-hashes --no-header --output-file benchmarks/requirements.lock benchmarks/requirements.in
	uv pip compile --universal --python-version 3.11 --constraint requirements.lock --generate-hashes --no-header --output-file docs/requirements.lock docs/requirements.in
