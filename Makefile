# All targets work without root and write only to .venv and the user's cache directory.
.DEFAULT_GOAL := help
.PHONY: help demo check unit pages test oldest newest versions cover lint bench faults fuzz soak editors vscode vsix vllm fleet clients model clean

PYTHON ?= python3
unexport PYTHONDONTWRITEBYTECODE # compiled tests save 5 s of each run
SOAK_S ?= 1800
FUZZ_OPERATIONS ?= 1000000
FUZZ_SECONDS ?= 600
WORKERS ?= 2
BIN := .venv/bin
STAMP := .venv/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

demo: $(STAMP) model ## show ghost text and an edit on a real file, with a real model
	@$(BIN)/spark-lsp demo

test: $(STAMP) model editors vscode clients ## run every test, including the real model and the real editors
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint cover
	@$(BIN)/python -m pytest --numprocesses=$(WORKERS) --durations=20

cover: export COVERAGE_FILE = .venv/coverage
cover: $(STAMP) ## check that the unit tests take every branch of the wire protocol, the circuit breaker and the SSE parser
	@$(BIN)/coverage run --branch --source spark_lsp/wire -m pytest -q --no-summary tests/unit/wire \
	  --deselect tests/unit/wire/test_pair.py
	@$(BIN)/coverage report --skip-covered --show-missing --fail-under=100
	@$(BIN)/coverage run --branch --include '*/engine/circuit_breaker.py,*/engine/sse.py' -m pytest -q --no-summary \
	  tests/unit/engine/test_circuit_breaker.py tests/unit/engine/test_sse.py
	@$(BIN)/coverage report --skip-covered --show-missing --fail-under=100

check: $(STAMP) ## the quick check while you work: ruff, pyright and the unit tests that take less than seconds
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint unit

unit: $(STAMP)
	@$(BIN)/python -m pytest -q -m "not slow" tests/unit tests/test_*.py

pages: $(STAMP) ## write the pages and the VS Code settings that are generated from the code
	@$(BIN)/python -m scripts.reference
	@$(BIN)/python -m scripts.manifest

oldest: $(STAMP) ## run the tests, without editors and model, with the oldest supported libraries and Python
	@$(BIN)/python scripts/test_versions.py oldest $(VERSIONS)

newest: $(STAMP) ## the same with the newest (VERSIONS='--python 3.12' selects another Python, --short a short form)
	@$(BIN)/python scripts/test_versions.py newest $(VERSIONS)

versions: $(STAMP) ## run a short form of both, side by side
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target oldest newest VERSIONS=--short

lint: $(STAMP) ## run ruff and pyright (strict; standard for the tests)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(STAMP) model ## measure performance against named baselines in the same run, and in the real editors
	@$(BIN)/spark-lsp bench
	@SPARK_LSP_TEST_SPEED=1 $(BIN)/python -m pytest -q -m speed tests/editors

soak: $(STAMP) ## type for half an hour: check memory, long event-loop turns, and that every request is answered
	@SPARK_LSP_SOAK_S=$(SOAK_S) $(BIN)/python -m pytest -s -q tests/soak

faults: $(STAMP) ## raise an unexpected exception in every hand-over of the code, one at a time (7 minutes)
	@SPARK_LSP_FAULTS=1 $(BIN)/python -m pytest -q tests/faults

fuzz: $(STAMP) ## run a million document operations, then each fuzz target for FUZZ_SECONDS (600)
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(PIP) install --constraint constraints.txt --editable '.[fuzz]'
	@$(BIN)/python -m tests.fuzz.campaign --operations $(FUZZ_OPERATIONS) --seconds $(FUZZ_SECONDS)

editors: $(STAMP) ## fetch Neovim, Helix and Emacs into the cache; reports the reason if it cannot
	@scripts/get_neovim.sh >/dev/null || test $$? -eq 3
	@scripts/get_helix.sh >/dev/null || test $$? -eq 3
	@scripts/get_emacs.sh >/dev/null || test $$? -eq 3

vscode: $(STAMP) vsix ## fetch the real VS Code (620 MB, 2 minutes) and Chromium (122 MB, 1 minute) into the cache, once; reports the reason if it cannot
	@scripts/get_vscode.sh >/dev/null || test $$? -eq 3
	@scripts/get_chromium.sh >/dev/null || test $$? -eq 3
	@scripts/get_axe.sh >/dev/null || test $$? -eq 3

vsix: $(STAMP) ## check and pack the VS Code extension; prints the file to install
	@scripts/make_vsix.sh --check || test $$? -eq 3

clients: ## fetch the Node SDK and Codex CLI into the cache (404 MB); reports the reason if it cannot
	@scripts/get_clients.sh >/dev/null || test $$? -eq 3

vllm: $(STAMP) ## optional: test the engine for GPU servers against the real vLLM (3 GB, once; 2 minutes)
	@SPARK_LSP_VLLM=$$(scripts/get_vllm.sh) $(BIN)/python -m pytest -q -rs tests/integration/test_openai_vllm.py

fleet: $(STAMP) ## optional: test the gateway as a fleet on the real Ray Serve (500 MB, once; 3 minutes)
	@python=$$(scripts/get_ray.sh) || { code=$$?; test $$code -eq 3 && exit 0; exit $$code; }; \
	  SPARK_LSP_FLEET=$$python $(BIN)/python -m pytest -q -rs tests/integration/test_fleet.py

model: $(STAMP) ## fetch the embedded model into the cache, once (491 MB, Apache-2.0)
	@$(BIN)/spark-lsp model path >/dev/null 2>&1 || $(BIN)/spark-lsp model pull

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "spark-lsp needs Python 3.11 or later; name one: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv --clear .venv || { \
	  echo "Python cannot make a virtual environment here; run: sudo apt-get install python3-venv"; exit 1; }
	@echo "setting up .venv (once, about a minute)"
	@$(PIP) install --constraint constraints.txt --editable '.[local,bench,dev]'
	@touch $@

clean: ## remove .venv and the files of tools; the model stays in the cache
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
