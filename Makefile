# The two commands of the README are `make run` and `make test`; each does all its own set-up.
.DEFAULT_GOAL := help
SHELL := /bin/sh
CMCTL := .venv/bin/cmctl
WORKERS ?= 3 # processes that share the tests; their ports are shared out

.PHONY: help run stop test-packages test soak lint bench venv venv-dev venv-deploy deploy-test deploy-packages bench-deploy lock

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

venv:
	@scripts/bootstrap.sh requirements.lock

venv-dev:
	@scripts/bootstrap.sh requirements-dev.lock

run: venv ## Install everything, start the stack in the background, wait until it is healthy
	@$(CMCTL) up

stop: venv ## Stop the stack; data stays
	@$(CMCTL) down

test-packages:
	@command -v sftp >/dev/null || [ "$$(id -u)" != 0 ] || (apt-get update -qq && apt-get install -y -qq openssh-client)

test: venv-dev test-packages ## Unit, integration and acceptance tests against real servers
	@.venv/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: venv-deploy ## Everything CI checks about the text of the code
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache
	@.venv/bin/python scripts/check_rules.py
	@.venv/bin/python scripts/check_metrics.py
	@.venv/bin/yamllint site.yml playbooks roles inventories .ansible-lint .yamllint
	@PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/ansible-lint --offline -q site.yml playbooks roles

soak: venv-dev test-packages ## The tests that have a long form, at full length
	@TESTS_SOAK=1 .venv/bin/python -m pytest -m soak $(PYTEST_ARGS)

bench: venv-dev ## Measure speed against baselines in the same run; results go to tests/bench/results
	@.venv/bin/python -m tests.bench

venv-deploy: venv-dev
	@scripts/bootstrap.sh requirements-deploy.lock

deploy-packages:
	@command -v debootstrap >/dev/null && command -v systemd-nspawn >/dev/null && command -v nft >/dev/null || \
		(apt-get update -qq && apt-get install -y -qq debootstrap systemd-container nftables iproute2 openssh-client)

deploy-test: venv-deploy deploy-packages ## Deploy to hosts that systemd boots on this machine (root)
	@.venv/bin/python -m pytest -c tests/deploy/pytest.ini --rootdir . tests/deploy $(PYTEST_ARGS)

bench-deploy: venv-deploy deploy-packages ## Time the deployment (root); results go to tests/bench/results
	@.venv/bin/python -m tests.bench.deploy

lock: ## Resolve the dependencies anew
	@.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--group build pyproject.toml -o requirements.lock
	@.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--group build --group test --group lint pyproject.toml -o requirements-dev.lock
	@.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--group build --group test --group deploy -c requirements-dev.lock pyproject.toml -o requirements-deploy.lock
