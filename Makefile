# Every target sets up the environment (.venv) by itself on first use.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# Modules are byte-compiled when first imported: most of those installed never are, and compiling
# all of them takes longer than the download.
INSTALL := $(PIP) install --quiet --no-compile

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

.PHONY: test
test: $(VENV)/.developed ## run the tests, on all cores, but for those in a browser
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile \
	  --ignore=tests/browser $(ARGS)

.PHONY: browser-test
browser-test: $(VENV)/.developed ## test the report in Chromium, which has to be installed
	$(BIN)/python -m pytest tests/browser $(ARGS)

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
