# `make` lists the targets. `make run` and `make test` need nothing but Python 3.11 or newer.

PYTHON ?= python3
PORT   ?= 8080
ROWS   ?= 0
RUNS   ?= 0
TESTS  ?=
WORKERS ?= 3
TO     ?=
STAGE  ?= default
ONLY   ?=
SHORT  ?=
ARCH   ?= $(shell uname -m | sed -e s/aarch64/arm64/ -e s/amd64/x86_64/)

PY  := .venv/bin/python
CONSOLE   := functions/console
LIBRARIES := $(CONSOLE)/static/lib
SAM := .venv-sam/bin/sam
PEERS := $(notdir $(patsubst %/,%,$(dir $(wildcard benchmarks/peers/*/requirements.txt))))
LOCKS := $(wildcard requirements/*.txt layers/*/requirements.txt benchmarks/requirements.txt benchmarks/peers/*/requirements.txt)
# The lock files are complete, so pip resolves nothing.
PIP := -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes

export SAM_CLI_TELEMETRY ?= 0
# Tests start many processes, and without bytecode each of them compiles the project again.
unexport PYTHONDONTWRITEBYTECODE

help:  ## list the targets
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# One machine

run: .venv/.run assets  ## run the whole stack on this machine; PORT=8080 AUTH=oidc
	@exec $(PY) -m local up --port "$(PORT)"

services: .venv/.run  ## run only PostgreSQL, AWS and SMTP, for sam local; PORT=8080
	@exec $(PY) -m local services --port "$(PORT)"

seed: .venv/.run  ## load sample records; ROWS=1000000 RUNS=1000000 add synthetic ones
	@exec $(PY) -m local seed --port "$(PORT)" --rows "$(ROWS)" --runs "$(RUNS)"

assets: $(LIBRARIES)/.made  ## download the console's browser libraries from npm; needs no Node.js

# NAME counts only on the command line: some shells set it to the computer's name.
job: .venv/.run  ## write a new job, or list the jobs; NAME=expiry-webhook SCHEDULE="cron(30 * * * ? *)"
	@PYTHONPATH=layers/common $(PY) -m tools.new_job \
	  $(if $(filter command,$(origin NAME)),--name="$$NAME") $(if $(filter command,$(origin SCHEDULE)),--schedule="$$SCHEDULE")

send-test-mail: .venv/.run  ## send a test mail and show the provider's answer; TO=you@example.com STAGE=prod
	@$(if $(filter file,$(origin STAGE)),,$(MAKE) --no-print-directory .venv-sam/.sam)
	@$(PY) -m tools.send_test_mail --to "$(TO)" --port "$(PORT)" $(if $(filter file,$(origin STAGE)),,--stage "$(STAGE)" --sam $(SAM))

# Quality

test: .venv/.dev assets  ## run all tests that need neither Docker nor root; TESTS="-k lease" WORKERS=3
	$(PY) $(if $(COVERAGE),-m coverage run) -m pytest -n "$(WORKERS)" --dist worksteal $(TESTS)

coverage: .venv/.dev assets  ## run the tests that need no browser, and show which lines they did not reach
	@$(PY) -m coverage erase
	@$(MAKE) --no-print-directory test COVERAGE=1 TESTS="$(or $(TESTS),--ignore=tests/browser)"
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report $(if $(TESTS),--fail-under=0)

lint: .venv/.dev  ## check format, style, types, import rules and the jobs' definitions
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	PYTHONPATH=layers/common:functions:. .venv/bin/lint-imports
	@PYTHONPATH=layers/common $(PY) -m local.template.job_check

format: .venv/.dev  ## format the code
	.venv/bin/ruff check --fix-only --quiet .
	.venv/bin/ruff format .

screenshots: .venv/.dev assets  ## retake the screenshots in docs/screenshots; needs a Chromium
	PYTHONPATH=layers/common:functions $(PY) -m tests.browser.screenshots

openapi: .venv/.run  ## regenerate docs/openapi.json from the code
	$(PY) -m tools.openapi

strings: .venv/.run  ## list every text that people see in docs/reviews/strings.md, for proofreading
	$(PY) -m tools.strings

bench: .venv/.run $(if $(SHORT),,.venv-bench/.bench) $(PEERS:%=.venv-peers/%/.made)  ## measure Slowmatch beside its peers; ONLY="handlers imports" SHORT=1
	@$(PY) -m benchmarks $(ONLY) $(if $(SHORT),--short,--record)

chaos: .venv/.dev .venv-chaos/.chaos assets  ## break things on purpose and check that nothing is lost; SHORT=1
	@$(PY) -m pytest tests/chaos $(if $(SHORT),--short)

check-mail: .venv/.dev .venv-mail/.npm  ## judge mails and notifications with other people's programs; asks Debian, PyPI and npm
	@if tests/mail/install_spamassassin.sh; then left_out=; else \
	  left_out=--ignore=tests/mail/test_spam.py; echo "== The spam score of the mails is left out."; fi; \
	$(PY) -m pytest tests/mail $$left_out

mutants: .venv/.dev  ## break the code in many ways and check that the tests notice each; ONLY="claim lease"
	@$(PY) -m tests.mutants $(ONLY)

bench-console: .venv/.run assets  ## measure how long each page of the running stack takes; PORT=8080
	@$(PY) -m benchmarks.console --port "$(PORT)"

check:  ## run everything that continuous integration runs
	@.ci/run

# Not part of `make check`: new vulnerabilities appear without a change here.
audit: .venv-audit/.audit .venv/.run  ## look for known vulnerabilities of the dependencies; asks PyPI and npm
	@status=0; \
	for lock in $(LOCKS); do \
	  echo "== $$lock"; \
	  .venv-audit/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r $$lock || status=1; \
	done; \
	echo "== $(CONSOLE)/package-lock.json"; \
	cd $(CONSOLE) && PATH="$(CURDIR)/.venv/bin:$$PATH" npm audit --package-lock-only --loglevel=error || status=1; \
	exit $$status

# Checkov understands neither Globals nor loops, so it gets the transformed root template; nested stacks have none.
security: .venv/.dev .venv-checkov/.checkov  ## look for insecure settings in the templates, with Checkov
	@mkdir -p .aws-sam
	@PYTHONPATH=layers/common:functions $(PY) -m tests.sam.template >.aws-sam/transformed.json
	.venv-checkov/bin/checkov --config-file .checkov.yaml --file .aws-sam/transformed.json stacks/*.yaml

test-events: .venv/.run .venv-sam/.sam  ## add the sample events to the Lambda console's Test tab; STAGE=default
	@$(PY) -m tools.shared_events --sam $(SAM) --stage "$(STAGE)"

costs: .venv/.run  ## compute what a month on AWS costs; updates docs/costs.md
	@$(PY) -m tools.costs

# AWS SAM

# `sam validate` ignores the nested stacks.
validate: .venv-sam/.sam .venv/.dev  ## check the templates, and our parser of samconfig.toml against the SAM CLI's
	$(SAM) validate --lint
	.venv-sam/bin/cfn-lint template.yaml stacks/*.yaml
	@$(PY) -m pytest --quiet tests/sam/test_parameter_overrides.py

# Bytecode is part of the build: Lambda cannot write it, and a cold start would spend most of its time on compiling.
# It is not checked against the source, because every build starts with an empty folder. Left out: modules never used.
UNUSED_MODULES := /(pydantic/(v1|mypy)|aws_lambda_powertools/utilities/(auth_alpha|batch|circuit_breaker|data_masking|feature_flags|idempotency|kafka|parameters|parser|streaming|validation))[/.]

# The built template accepts only the processor that it was built for.
build: .venv-sam/.sam assets  ## build the functions for this machine's processor; ARCH=arm64
	@$(call need_runtime)
	PATH="$(dir $(RUNTIME_PYTHON)):$$PATH" $(SAM) build --parameter-overrides Architecture=$(ARCH)
	@sed -i.as-written -e '/^  Architecture:$$/,/^  [A-Z]/{' -e 's/Default: .*/Default: $(ARCH)/' \
	  -e '/^ *- /{' -e '/- $(ARCH)$$/!d' -e '}' -e '}' .aws-sam/build/template.yaml
	@$(RUNTIME_PYTHON) -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '$(UNUSED_MODULES)' .aws-sam/build

# The stage is checked before the build, which takes a minute; the check prints the processor to build for.
# RDS_CERTIFICATES=global-bundle.pem where they cannot be downloaded.
deploy: .venv/.run  ## build, deploy and migrate a stack on AWS; STAGE=default
	@$(if $(filter command,$(origin ARCH)),$(error make deploy builds for the Architecture of its stage: set that in parameter_overrides, not ARCH))
	@architecture=$$($(PY) -m tools.deploy --check --stage "$(STAGE)") && \
	  $(MAKE) --no-print-directory build ARCH=$$architecture
	@$(PY) -m tools.deploy --sam $(SAM) --stage "$(STAGE)" --certificates "$(RDS_CERTIFICATES)"

artifacts: .venv/.dev  ## import every built handler with only its layers beside it
	@$(call need_runtime)
	@RUNTIME_PYTHON=$(RUNTIME_PYTHON) $(PY) -m pytest tests/sam/test_artifacts.py

rehearse: .venv/.run build .venv-rehearse/.rehearse  ## deploy the build to ministack on this machine, use it, delete it
	@PYTHONPATH=layers/common $(PY) -m tools.rehearse --sam $(SAM) --python .venv-rehearse/bin/python

sam-test: .venv/.dev build  ## run every function by sam local; needs Docker
	@SAM=$(SAM) $(PY) -m pytest -W ignore::pytest.PytestUnraisableExceptionWarning \
	  tests/sam/test_invoke.py tests/sam/test_start_api.py tests/sam/test_start_lambda.py

# Maintenance

lock:  ## update the pinned dependencies; needs uv
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv"; exit 1; }
	$(LOCK) requirements/dev.in -o requirements/dev.txt
	$(LOCK) requirements/run.in -c requirements/dev.txt -o requirements/run.txt
	$(foreach layer,common sign_in,$(LOCK) layers/$(layer)/requirements.in -c requirements/dev.txt -o layers/$(layer)/requirements.txt && )true
	$(foreach name,sam audit security rehearse chaos mail,$(LOCK) requirements/$(name).in -o requirements/$(name).txt && )true
	$(LOCK) benchmarks/requirements.in -o benchmarks/requirements.txt
	$(foreach peer,$(PEERS),$(LOCK) benchmarks/peers/$(peer)/requirements.in -o benchmarks/peers/$(peer)/requirements.txt && )true

clean:  ## remove everything that is generated, including the local data
	rm -rf .venv .venv-sam .venv-audit .venv-checkov .venv-chaos .venv-mail .venv-rehearse .venv-bench .venv-peers .slowmatch .aws-sam .coverage* htmlcov $(LIBRARIES)
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help run services seed assets job send-test-mail test coverage check-mail mutants lint format screenshots openapi strings bench bench-console chaos check audit security test-events costs validate build deploy artifacts rehearse sam-test lock clean
.DEFAULT_GOAL := help

# Virtual environments. A stamp file is newer than its lock file once everything is installed.

.venv/.made .venv-sam/.made .venv-audit/.made .venv-checkov/.made .venv-chaos/.made .venv-mail/.made .venv-bench/.made:
	@$(call make_venv,$(@D))

.venv/.run: requirements/run.txt .venv/.made
	@echo "Installing into .venv (once, about half a minute) ..."
	@$(PY) $(PIP) -r $<
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.run
	@echo "Installing the tools for tests and checks ..."
	@$(PY) $(PIP) -r $<
	@touch $@

# A tool in a separate virtual environment: its name, its lock file, and what is printed.
define tool
.venv-$(1)/.$(1): $(2) .venv-$(1)/.made
	@echo "Installing $(3) into .venv-$(1) ..."
	@.venv-$(1)/bin/python $(PIP) -r $$<
	@touch $$@
endef
$(eval $(call tool,sam,requirements/sam.txt,the SAM CLI (once, about a minute)))
$(eval $(call tool,audit,requirements/audit.txt,pip-audit))
$(eval $(call tool,checkov,requirements/security.txt,Checkov (once, about a minute)))
$(eval $(call tool,chaos,requirements/chaos.txt,Schemathesis))
$(eval $(call tool,mail,requirements/mail.txt,the webhook libraries))
$(eval $(call tool,bench,benchmarks/requirements.txt,Matplotlib))

.venv-mail/.npm: tests/mail/package-lock.json .venv-mail/.mail .venv/.run
	@echo "Downloading the card renderer and the webhook libraries ..."
	@mkdir -p .venv-mail/npm
	@cp tests/mail/package.json tests/mail/package-lock.json .venv-mail/npm
	@PATH="$(CURDIR)/.venv/bin:$$PATH" npm ci --prefix .venv-mail/npm --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# With the runtime's Python: ministack runs the functions on its own Python.
.venv-rehearse/.rehearse: requirements/rehearse.txt
	@$(call need_runtime)
	@echo "Installing ministack into .venv-rehearse ..."
	@rm -rf $(@D)
	@$(RUNTIME_PYTHON) -m venv $(@D)
	@$(@D)/bin/python $(PIP) -r $<
	@touch $@

# With .venv's Python: peers are compared on the same one.
.venv-peers/%/.made: benchmarks/peers/%/requirements.txt | .venv/.run
	@echo "Installing the peer $* into $(@D) ..."
	@rm -rf $(@D)
	@$(PY) -m venv $(@D)
	@$(@D)/bin/python $(PIP) -r $<
	@touch $@

$(LIBRARIES)/.made: $(CONSOLE)/package-lock.json .venv/.run
	@echo "Downloading the console's browser libraries ..."
	@mkdir -p .venv/npm $(LIBRARIES)
	@cp $(CONSOLE)/package.json $(CONSOLE)/package-lock.json .venv/npm
	@PATH="$(CURDIR)/.venv/bin:$$PATH" npm ci --prefix .venv/npm --ignore-scripts --no-audit --no-fund --loglevel=error
	@cd .venv/npm/node_modules && cp htmx.org/dist/htmx.min.js idiomorph/dist/idiomorph.min.js \
	  uplot/dist/uPlot.iife.min.js uplot/dist/uPlot.min.css $(CURDIR)/$(LIBRARIES)
	@touch $@

define make_venv
for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
  if "$$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
    rm -rf $(1) && "$$python" -m venv $(1) && touch $(1)/.made && exit; \
  fi; \
done; \
echo "No Python 3.11 or newer with its venv module was found. Install one (on Debian and Ubuntu also" >&2; \
echo "the package python3-venv), or name it: make PYTHON=/path/to/python3" >&2; \
exit 1
endef

# `sam build` needs the runtime's Python: the one on PATH, or pyenv's newest.
RUNTIME_PYTHON = $(shell \
  for python in "$$(command -v python3.13)" \
      $$(ls -d "$$(pyenv root 2>/dev/null || echo ~/.pyenv)"/versions/3.13*/bin/python3.13 2>/dev/null | sort -rV); do \
    "$$python" -c '' 2>/dev/null && echo "$$python" && break; \
  done)

define need_runtime
test -n "$(RUNTIME_PYTHON)" || { \
  echo "The functions run on Python 3.13, and building them needs that version: python3.13 is neither on" >&2; \
  echo "PATH nor among pyenv's versions. Install it, for example with: pyenv install 3.13" >&2; \
  exit 1; }
endef

# The caller's package sources are ignored: they would change what is locked.
LOCK := env -u PIP_FIND_LINKS -u PIP_INDEX_URL -u UV_FIND_LINKS uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"
