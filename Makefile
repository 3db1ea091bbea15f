# Every target sets up the environment (.venv) by itself on first use.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# Modules are byte-compiled when first imported: most of those installed never are, and compiling
# all of them takes longer than the download.
INSTALL := $(PIP) install --quiet --no-compile

# Where the environment forbids it, every process compiles every module that it imports, ten seconds
# of each test that starts the command.
unexport PYTHONDONTWRITEBYTECODE

# Passed on to the command behind a target: make test ARGS="-k likelihood"
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z][a-z-]*:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  ARGS="..." is passed on, as in: make test ARGS="-k likelihood"'

.PHONY: setup
setup: $(VENV)/.developed ## set up .venv with all that tests and checks need

.PHONY: reanalysis
reanalysis: $(VENV)/.installed ## audit, fit, diagnose, compare, report: renews reports/liu2025
	$(BIN)/bayesasthma reanalyse $(ARGS)

# A file's tests stay together, for they share fits; the files that take longest come first.
RUN_TESTS = -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
  --ignore=tests/browser

.PHONY: test
test: $(VENV)/.developed ## run the tests, on all cores, but for the slow ones and those in a browser
	$(BIN)/python $(RUN_TESTS) -m "not slow" $(ARGS)

.PHONY: slow-test
slow-test: $(VENV)/.developed ## run the tests marked slow: refits, every kernel against its graph
	$(BIN)/python $(RUN_TESTS) -m slow $(ARGS)

.PHONY: browser-test
browser-test: $(VENV)/.developed ## test the report in Chromium, which has to be installed
	$(BIN)/python -m pytest tests/browser $(ARGS)

# What Numba compiles is not seen: bodies in models/kernels and pooling count as not run. Where a
# process is killed or may not write, the measurement itself fails, and with it these tests.
UNMEASURED = test_no_space_for_a_table or test_a_bundle_that_may_not_be_read \
  or test_a_dask_worker_killed_in_the_middle_loses_nothing

.PHONY: coverage
coverage: $(VENV)/.developed ## lines and branches of src that the tests run, by room, into benchmarks/results
	rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/python -m coverage run $(RUN_TESTS) -m "" -k "not ($(UNMEASURED))" $(ARGS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage json --quiet
	$(BIN)/python benchmarks/_coverage_by_room.py $(ARGS)

.PHONY: mutation
mutation: $(VENV)/.developed ## change the source a little, often, and count what the tests notice
	$(BIN)/python benchmarks/mutation.py $(ARGS)

# Environments beside .venv. A shim of pyenv may be on PATH and fail: hence its versions are tried too.
PYENV = $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions
define other_venv
found=; \
for python in $(1) $(PYENV)/$(patsubst python%,%,$(notdir $(1)))*/bin/python; do \
  if "$$python" -c "import venv" >/dev/null 2>&1; then found=$$python; break; fi; \
done; \
if test -z "$$found"; then echo "There is no working $(1)." >&2; exit 1; fi; \
$(BIN)/uv venv --clear --quiet --python "$$found" $(2)
endef
INTO = $(BIN)/uv pip install --quiet --no-config

# What was run and how it ended goes to benchmarks/results/versions.md, failures too.
define run_and_record
status=0; $(2)/bin/python $(RUN_TESTS) -m "not slow" --junitxml=$(2).xml $(ARGS) || status=$$?; \
$(BIN)/python benchmarks/_versions.py tests $(1) $(2) $(2).xml $(ARGS); exit $$status
endef

.PHONY: test-lowest
test-lowest: $(VENV)/.developed ## run the tests on Python 3.12 at the lowest versions allowed
	@mkdir -p build
	$(BIN)/uv pip compile pyproject.toml --group dev --all-extras --resolution lowest-direct \
	  --python-version 3.12 --no-python-downloads --quiet --output-file build/lowest.txt
	@$(call other_venv,python3.12,build/lowest)
	$(INTO) --python build/lowest --requirement build/lowest.txt
	$(INTO) --python build/lowest --no-deps --no-build-isolation --editable .
	@$(call run_and_record,lowest,build/lowest)

PYTHON ?= python3.14

.PHONY: test-python
test-python: $(VENV)/.developed ## run the tests on another Python: make test-python PYTHON=python3.14
	@mkdir -p build
	@$(call other_venv,$(PYTHON),build/python)
	$(INTO) --python build/python --require-hashes --requirement requirements.lock
	$(INTO) --python build/python --require-hashes --requirement requirements-dev.lock
	$(INTO) --python build/python --no-deps --no-build-isolation --editable .
	@$(call run_and_record,$(notdir $(PYTHON)),build/python)

.PHONY: wheels
wheels: $(VENV)/.developed ## whether all that is locked has wheels for a Python: make wheels PYTHON=python3.14
	$(BIN)/python benchmarks/_versions.py wheels $(patsubst python%,%,$(notdir $(PYTHON)))

.PHONY: fuzz
fuzz: $(VENV)/.developed ## read and audit what has something wrong in it, following the coverage
	$(BIN)/python -m tests.fuzzing $(ARGS)

.PHONY: lint
lint: $(VENV)/.developed ## check style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

.PHONY: format
format: $(VENV)/.developed ## fix what ruff can fix, and format
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

# The theme speaks of its own future at each build, which is no news of these pages.
.PHONY: docs
docs: $(VENV)/.developed ## build the documentation as a site into build/site; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet $(ARGS)

.PHONY: bench
bench: $(VENV)/.developed ## run every script of benchmarks/
	@set -e; for script in benchmarks/[a-z]*.py; do \
	  echo "$$script"; $(BIN)/python "$$script"; \
	done

.PHONY: examples
examples: $(VENV)/.developed ## fit the example bundles and record whether they give their truth back
	$(BIN)/python benchmarks/examples.py $(ARGS)

# Renews what is stale of calibration/: two hours for all of it on two cores; interrupted, it resumes.
# The joint section has a seed of its own (docs/trust.md): ARGS="--only joint --seed 20261126".
# make calibration ARGS="--only longitudinal" renews some of it.
.PHONY: calibration
calibration: $(VENV)/.installed ## renew the proof in calibration/ (an hour or two)
	$(BIN)/bayesasthma calibrate proof --out calibration $(ARGS)

# Chains, warm-up, draws of each, seed, chains at a time. Debian: apt-get install r-cran-rstan r-cran-jsonlite
STAN_OPTIONS ?= 2 400 1200 20260101 2
.PHONY: stan
stan: $(VENV)/.developed ## sample the second implementation again and compare (needs R with rstan)
	$(BIN)/python -m benchmarks.stan.data build/stan
	Rscript benchmarks/stan/run.R build/stan $(STAN_OPTIONS)
	$(BIN)/python -m benchmarks.stan.collect build/stan
	$(BIN)/python -m benchmarks.stan.compare

.PHONY: wheel
wheel: $(VENV)/.developed ## build the wheel and the source distribution into dist/
	$(BIN)/hatchling build $(ARGS)

LOCKING = --universal --python-version 3.12 --no-python-downloads --generate-hashes \
  --no-annotate --no-emit-index-url --no-emit-find-links \
  --custom-compile-command "make lock" --quiet

# Two locks: what the main job needs, and with tests, checks and benchmarks all the rest.
# Pins that still fit are kept; make lock ARGS=--upgrade takes the newest of everything.
.PHONY: lock
lock: $(VENV)/.developed ## renew both locks from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --group build $(LOCKING) \
	  --output-file requirements.lock $(ARGS)
	$(BIN)/uv pip compile pyproject.toml --group dev --all-extras --constraint requirements.lock \
	  $(LOCKING) --output-file requirements-dev.lock $(ARGS)
	@if grep -n '://' requirements.lock requirements-dev.lock; then \
	  echo "a lock must name no address" >&2; exit 1; \
	fi

.PHONY: clean
clean: ## remove .venv, builds and caches
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------------------- the environment

# A shim of pyenv may be on PATH and still fail, and a system Python may come without venv:
# hence every candidate is tried, the one pinned in .python-version first.
CANDIDATES = python$$(cat .python-version) python3.13 python3.12 python3.14 python3 python
SUITABLE = import ensurepip, sys, venv; sys.exit(not (3, 12) <= sys.version_info < (3, 15))

define create_venv
for python in $(CANDIDATES) \
    "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.1[2-4]*/bin/python; do \
  if "$$python" -c "$(SUITABLE)" >/dev/null 2>&1; then \
    echo "setting up $(VENV) with $$python"; \
    "$$python" -m venv --clear $(VENV); exit; \
  fi; \
done; \
if command -v uv >/dev/null 2>&1; then \
  exec uv venv --clear --seed --python "$$(cat .python-version)" $(VENV); \
fi; \
echo "No Python 3.12 to 3.14 with venv was found, nor uv: install one of them first." >&2; \
exit 1
endef

# The stamps are written last, so an interrupted set-up is begun again. Two makes at once take
# turns (where flock exists), and the second finds the work done.
define one_at_a_time
set -e; \
if command -v flock >/dev/null 2>&1; then exec 9<Makefile; flock 9; fi; \
for source in $^; do test $@ -nt "$$source" || fresh=no; done; \
if test -z "$${fresh:-}"; then exit 0; fi
endef

$(VENV)/.locked: requirements.lock
	@$(one_at_a_time); \
	( $(create_venv) ); \
	$(INSTALL) --require-hashes --requirement requirements.lock; \
	touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	@$(one_at_a_time); \
	$(INSTALL) --no-deps --no-build-isolation --editable .; \
	touch $@

$(VENV)/.developed: requirements-dev.lock $(VENV)/.installed
	@$(one_at_a_time); \
	$(INSTALL) --require-hashes --requirement requirements-dev.lock; \
	touch $@
