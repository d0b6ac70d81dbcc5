# Two commands matter: `make sim` and `make test`. Both do the whole set-up themselves.
.PHONY: help setup sim test test-fast check format docs audit sbom clean
PYTHON ?= python3
VENV := .venv/bin
# test files side by side; `make test WORKERS=0` runs one after the other
WORKERS ?= 2
PYTEST = $(VENV)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup:  ## install everything into .venv and build rafr_msgs (idempotent)
	@$(PYTHON) tools/bootstrap.py

sim: setup  ## the whole procedure on a virtual patient, in the embedded simulator (ARGS=… are passed on)
	@$(VENV)/rafr sim --auto-approve $(ARGS)

test: setup  ## every test
	@$(PYTEST) $(ARGS)

test-fast: setup  ## the tests that take seconds (a few minutes in all)
	@$(PYTEST) -m "not slow" $(ARGS)

check: setup  ## ruff, mypy and the fast tests
	@$(VENV)/ruff check . && $(VENV)/ruff format --check . && $(VENV)/mypy && $(PYTEST) -q -m "not slow"

format: setup  ## format the sources
	@$(VENV)/ruff check --fix . && $(VENV)/ruff format .

docs: setup  ## the documentation as a site, in build/docs
	@NO_MKDOCS_2_WARNING=1 $(VENV)/mkdocs build

audit: setup  ## known vulnerabilities of the locked packages (needs PyPI); fails where one cannot be looked up
	@$(PYTHON) -m venv build/audit && build/audit/bin/pip install --quiet pip-audit==2.10.1
	@build/audit/bin/pip-audit --strict --no-deps --disable-pip -r requirements.lock

sbom: setup  ## bill of materials of the locked packages (CycloneDX), in build/sbom.json
	@$(VENV)/python tools/sbom.py

clean:  ## remove the virtual environment and everything built
	rm -rf .venv build ros2_ws/build ros2_ws/install ros2_ws/log runs
