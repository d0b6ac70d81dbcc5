# Two commands matter: `make sim` and `make test`. Both do the whole set-up themselves.
.PHONY: help setup sim test test-fast check format clean
PYTHON ?= python3
VENV := .venv/bin

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup:  ## install everything into .venv and build rafr_msgs (idempotent)
	@$(PYTHON) tools/bootstrap.py

sim: setup  ## the whole procedure on a virtual patient, in the embedded simulator (ARGS=… are passed on)
	@$(VENV)/rafr sim --auto-approve $(ARGS)

test: setup  ## every test
	@$(VENV)/python -m pytest $(ARGS)

test-fast: setup  ## the tests that take seconds (a few minutes in all)
	@$(VENV)/python -m pytest -m "not slow" $(ARGS)

check: setup  ## ruff, mypy and the fast tests
	@$(VENV)/ruff check . && $(VENV)/ruff format --check . && $(VENV)/mypy && $(VENV)/python -m pytest -q -m "not slow"

format: setup  ## format the sources
	@$(VENV)/ruff check --fix . && $(VENV)/ruff format .

clean:  ## remove the virtual environment and everything built
	rm -rf .venv ros2_ws/build ros2_ws/install ros2_ws/log runs
