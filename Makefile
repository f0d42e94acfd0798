# Set-up, tests and measurements. `make` alone lists what there is.
PYTHON ?= python3
LAB ?= lab1
BIN := .venv/bin
SETUP := $(PYTHON) -B -m labctl.setup
LINK := $(HOME)/.local/bin/labctl
# Pins come from PyPI alone, whatever else pip uses on this machine.
PLAIN_PIP := env -u PIP_INDEX_URL -u PIP_EXTRA_INDEX_URL -u PIP_FIND_LINKS PIP_CONFIG_FILE=/dev/null
COMPILE := $(PLAIN_PIP) CUSTOM_COMPILE_COMMAND='make pins' .venv-pins/bin/pip-compile --quiet \
	--strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host \
	--no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help up down test lint format bench build pins hooks link clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

up: ## install what is missing on this host, build the images, run the lab (LAB=lab1)
	@$(SETUP) up --lab $(LAB)

down: ## stop the lab and remove what it made (LAB=lab1)
	@$(BIN)/labctl down $(LAB)

test: ## lint, types, unit, golden and end-to-end tests, with all that they need
	@$(SETUP) test --lab $(LAB)
	@$(MAKE) --no-print-directory check-source
	@$(BIN)/pytest --numprocesses 3 tests/unit tests/golden tests/property tests/e2e

lint: ## ruff and mypy
	@$(SETUP) lint
	@$(MAKE) --no-print-directory check-source

.PHONY: check-source
check-source:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict labctl
	$(BIN)/mypy --strict bench --exclude shipped

format: ## let ruff format the source
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: ## measure, and write bench/RESULTS.md
	@$(SETUP) test --lab $(LAB)
	@$(BIN)/python -m bench

build: ## the wheel and the source archive, in dist/
	@$(SETUP) lint
	@$(BIN)/python -m build --no-isolation

pins: ## write requirements*.txt anew from requirements*.in, and the lock of npm's packages
	$(PYTHON) -m venv .venv-pins
	.venv-pins/bin/pip install --quiet pip-tools
	$(COMPILE) requirements.in
	$(COMPILE) requirements-dev.in
	$(COMPILE) tests/tools/requirements.in
	rm -rf .venv-pins
	npm --prefix tests/tools install --package-lock-only --ignore-scripts \
		--omit-lockfile-registry-resolved --no-audit --no-fund

hooks: ## run ruff and mypy before each commit
	@$(BIN)/pre-commit install

link: ## put `labctl` on your PATH, by a link in ~/.local/bin
	@mkdir -p $(dir $(LINK))
	@ln -sT $(CURDIR)/$(BIN)/labctl $(LINK) && echo "$(LINK) -> $(CURDIR)/$(BIN)/labctl"

clean: ## remove what make and the tools made; labs and their certificates stay
	rm -rf .venv .venv-pins .venv-tools tests/tools/node_modules .setup dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find labctl tests bench -name __pycache__ -prune -exec rm -rf {} +
