# What people do with this folder. `make` alone prints this list.

PYTHON  ?= python3
VENV    := .venv
PY      := $(VENV)/bin/python
STAMP   := $(VENV)/.installed
LOCK_VENV := .venv-lock
UPGRADE ?=
PLAYGROUND := build/playground
CHROMIUM ?= /usr/bin/chromium
COMPILE := $(LOCK_VENV)/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
           --generate-hashes --no-header $(UPGRADE)

# pip's own complaints about a newer pip are not ours to pass on
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install demo run check test explore playground-test bench manifest teams-package package deploy format lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## everything the bot, its tests and its demo need, into .venv
	@:

$(STAMP): pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo not there)."; \
	  echo "Name another one: make install PYTHON=python3.12"; exit 1; }
	@if ! $(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  rm -rf $(VENV); \
	  if $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
	  elif command -v uv >/dev/null; then uv venv --quiet --python "$(PYTHON)" $(VENV); \
	  else \
	    echo "$(PYTHON) cannot make virtual environments here: its venv module is packaged apart."; \
	    echo "On Debian and Ubuntu: sudo apt-get install python3-venv"; exit 1; \
	  fi; \
	fi
	@echo "Installing into $(VENV): about a minute, seconds the next time…"
	@if command -v uv >/dev/null && \
	  uv pip sync --quiet --python $(PY) --require-hashes requirements/dev.txt && \
	  uv pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .; then :; \
	else \
	  { $(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null; } && \
	  $(PY) -m pip install --quiet --require-hashes --requirement requirements/dev.txt && \
	  $(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .; \
	fi
	@touch $@
	@echo "Installed. Next: make demo"

demo: install ## the whole bot in a company in a box: no account, no network
	@$(PY) -m sandbox demo

run: install ## the same company, open until Ctrl-C
	@$(PY) -m sandbox run

check: install ## format, lint, types and the direction of imports
	@echo "format"  && $(PY) -m ruff format --check --quiet . || { echo "Mend it: make format"; exit 1; }
	@echo "lint"    && $(PY) -m ruff check --quiet .
	@echo "types"   && $(PY) -m mypy --no-error-summary
	@echo "imports" && found=$$($(VENV)/bin/lint-imports --no-logo 2>&1) || { echo "$$found"; exit 1; }

test: check ## check, then every test
	@echo "tests"   && $(PY) -m pytest -q -n 6 --dist loadfile --no-loadscope-reorder

explore: install ## the property tests with examples that nobody tried before
	@$(PY) -m pytest -q -n 4 -m hypothesis --hypothesis-profile explore

playground-test: install ## the bot in Microsoft's Agents Playground, in a browser; wants Node.js and Chromium
	@for tool in npm "$(CHROMIUM)"; do command -v "$$tool" >/dev/null || { echo "$$tool is not there."; exit 1; }; done
	@echo "Installing Microsoft's playground under its own licence into $(PLAYGROUND)…"
	@npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix $(PLAYGROUND) \
	  @microsoft/m365agentsplayground@0.2.28
	@test -d $(PLAYGROUND)/python/playwright || { \
	  { $(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null; } && \
	  $(PY) -m pip install --quiet --target $(PLAYGROUND)/python playwright==1.65.2; }
	@PLAYGROUND=$(PLAYGROUND) CHROMIUM="$(CHROMIUM)" PYTHONPATH=$(PLAYGROUND)/python \
	  $(PY) -m pytest -q tests/playground/acceptance.py
	@echo "Pictures of what was on the screen: $(PLAYGROUND)/pictures"

bench: install ## how fast, always as a ratio within one run
	@$(PY) -m bench

manifest: install ## the Slack app manifest, Socket Mode (no public address needed)
	@$(PY) -m infra.slack_manifest --socket-mode

teams-package: install ## the Teams app, ready to upload; APP_ID=, DEVELOPER= and WEBSITE= say whose it is
	@$(PY) -m infra.teams_package $(if $(APP_ID),--app-id '$(APP_ID)') \
	  $(if $(DEVELOPER),--developer '$(DEVELOPER)') $(if $(WEBSITE),--website '$(WEBSITE)')

package: install ## the bot for Lambda, one zip in build/; TARGET= names the Python that compiles it
	@$(PY) -m infra.package $(if $(TARGET),--python '$(TARGET)')

deploy: install ## the package and infra/template.yaml to AWS: shown before applied; FILE= in place of deployment.toml
	@$(PY) -m infra.deploy $(FILE) $(if $(YES),--yes)

format: install ## put the code into the house format and mend what a tool can
	@$(PY) -m ruff check --quiet --fix-only .
	@$(PY) -m ruff format --quiet .

lock: ## requirements/*.txt from pyproject.toml; UPGRADE=--upgrade takes the newest
	@$(PYTHON) -m venv --clear $(LOCK_VENV)
	@$(LOCK_VENV)/bin/python -m pip install --quiet uv
	@$(COMPILE) --output-file requirements/runtime.txt
	@$(COMPILE) --output-file requirements/dev.txt --group dev --constraint requirements/runtime.txt
	@rm -rf $(LOCK_VENV)
	@! grep -n '://' requirements/* || { echo "An address came into a lock file; take it out."; exit 1; }

clean: ## everything that can be made again
	@rm -rf $(VENV) $(LOCK_VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
