# Everything runs from .venv, which the first target makes; nothing but Python >= 3.11, git and make is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST_WORKERS ?= 2
# The version that tests/servers/azurite.py names.
AZURITE_VERSION := 3.35.0
AZURITE := $(VENV)/azurite/.installed-$(AZURITE_VERSION)
# Hand-written modules among the generated ones.
PAIRS = $(wildcard remote_store/*/_sync/pairs.py remote_store/*/_sync/content.py remote_store/*/_sync/streams.py remote_store/*/_sync/trees.py)

.PHONY: help venv azurite demo demo-azure demo-s3 demo-torch demo-sftp test check fix lint types layers twins unit sshd docs bench soak faults clean

help: ## this list
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

venv: $(STAMP) ## the environment, remade when pyproject.toml changes

$(STAMP): pyproject.toml
	@set -e; found=; \
	for python in "$(PYTHON)" python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then found=$$python; break; fi; \
	done; \
	test -n "$$found" || { echo "No Python >= 3.11 with venv found; say which: make venv PYTHON=/path/to/python" >&2; exit 1; }; \
	test -x $(BIN)/python || "$$found" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[cli,trio,s3,azure,sftp]' --group dev
	@touch $(STAMP)

demo: venv ## checkpoint a real folder under asyncio, trio and the sync face, with a crash in the middle
	$(BIN)/remote-store demo $(DEMO_ARGS)

demo-sftp: venv sshd ## the same over SFTP: an OpenSSH server is started for it, and stopped
	$(BIN)/python tools/demo_sftp.py $(DEMO_ARGS)

demo-s3: venv ## the same into S3: a SeaweedFS is started for it, and stopped
	$(BIN)/python tools/demo_s3.py $(DEMO_ARGS)

demo-azure: venv azurite ## the same into Azure Blob Storage: an Azurite is started for it, and stopped
	$(BIN)/python tools/demo_azure.py $(DEMO_ARGS)

azurite: $(AZURITE) ## Azurite, for the tests of Azure, where npm is; without it they fail under CI=true and are skipped elsewhere

$(AZURITE): | $(STAMP)
	@if command -v npm >/dev/null 2>&1; then \
	  npm install --silent --no-audit --no-fund --prefix $(VENV)/azurite azurite@$(AZURITE_VERSION) && touch $@; \
	elif [ "$$CI" = true ]; then echo "npm is missing: install Node.js 20 or later" >&2; exit 1; \
	else echo "npm is missing: the tests of Azure will be skipped" >&2; fi

demo-torch: venv ## train with torch on two ranks, kill it, resume it to the same weights; on a SeaweedFS of its own
	$(BIN)/python tools/demo_torch.py $(DEMO_TORCH_ARGS)

test: check unit ## all that must be green: static checks, the site, the tests
	@:

check: lint types layers twins docs ## the static part of `make test`

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(if $(PAIRS),$(BIN)/ruff format --check --no-force-exclude $(PAIRS))

types: venv
	$(BIN)/mypy

layers: venv
	$(BIN)/lint-imports --no-logo --no-cache  # its cache forgets that a missing module may come later

twins: venv
	$(BIN)/python tools/gen_sync.py --check

docs: venv ## the site, strictly, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

sshd: ## OpenSSH's server, for the tests of SFTP: as root it is installed where it is missing
	@PATH="$$PATH:/usr/sbin:/usr/local/sbin"; \
	if command -v sshd >/dev/null && command -v ssh-keygen >/dev/null; then exit 0; fi; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	  echo "sshd is missing: installing openssh-server with apt-get, for the tests of SFTP; it is not started"; \
	  { apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends openssh-server openssh-client; } >/dev/null \
	  || echo "that did not work; the tests of SFTP are skipped, or fail with CI=true"; \
	else echo "sshd is missing: the tests of SFTP are skipped, or fail with CI=true (apt-get install openssh-server)"; fi

unit: venv azurite sshd
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) $(PYTEST_ARGS)

fix: venv ## format, sort imports, rewrite the twins
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python tools/gen_sync.py

bench: venv ## our figures beside os, anyio, aiofiles, fsspec and obstore, and on S3 beside six clients, as ratios
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	$(BIN)/python -m benchmarks $(BENCH_ARGS)
	$(BIN)/python -m benchmarks.s3 $(BENCH_S3_ARGS)
	$(BIN)/python -m benchmarks.dcp $(BENCH_DCP_ARGS)
	$(BIN)/python -m benchmarks.trees $(BENCH_TREES_ARGS)

soak: venv ## the long runs and full counts
	$(BIN)/python -m pytest -m soak --timeout 3600 $(PYTEST_ARGS)

faults: venv ## every fault of the wire x operation x face on S3, and cancels at each await; a second run goes on
	$(BIN)/python -m tests.faults.matrix $(FAULTS_ARGS)
	$(BIN)/python -m pytest -m matrix --timeout 3600 $(PYTEST_ARGS)

clean: ## everything that was made
	rm -rf $(VENV) site build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
