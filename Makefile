# Fastpath: each target does its own set-up. `make help` lists them.
# Everything is installed into .venv from requirements/*.lock; nothing outside this folder is touched
# but Debian packages that are missing (python3-venv, python3-dev, tshark, the HDL tools' compilers).
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.8
STAY ?= 0
ARGS ?=
C_SOURCES := $(shell find fastpath/core sim/exchange -name '*.[ch]' 2>/dev/null)
BUILD_FILES := pyproject.toml setup.py fastpath/build_core.py sim/exchange/build_native.py $(C_SOURCES)

.DEFAULT_GOAL := help
.PHONY: help demo test test-asan lint spec spec-check bench sim sim-device sim-coverage hdl-check hdl-card hdl-formal hdl-mutation hdl-synth nightly lock clean
MODULE ?=

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: .make/run $(if $(findstring fpga,$(ARGS)),.make/sim) ## the whole loop on this machine: two exchanges, engine, bridge, an agent (STAY=1 leaves it running)
	@$(BIN)/fastpath demo $(if $(filter 1,$(STAY)),--stay) $(ARGS)

test: .make/test lint spec-check ## every check and test
	$(BIN)/python -m pytest $(ARGS)

test-asan: .make/test ## the engine's and the simulator's own tests with the C code under ASan and UBSan
	$(BIN)/python tools/test_sanitized.py $(ARGS)

lint: .make/dev ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/mypy
	@$(BIN)/mypy --follow-imports=silent tests/*.py
	@for folder in $(sort $(dir $(wildcard tests/*/test_*.py))); do MYPYPATH=.:tests/engine:hdl/mutation:hdl/lint:hdl/synth $(BIN)/mypy --follow-imports=silent $$folder || exit 1; done

spec: .make/dev ## regenerate what follows from hdl/spec
	$(BIN)/python hdl/spec/generate.py

spec-check: .make/dev ## fail when a generated file is stale
	$(BIN)/python hdl/spec/generate.py --check

bench: .make/dev ## every benchmark: ratios with their conditions, JSON and plots in bench/results
	$(BIN)/python -m bench $(ARGS)

sim-device: .make/sim ## the Verilated card as a C library, for --io fpga and cosim
	$(BIN)/python -m sim.device.build $(ARGS)

sim: .make/sim ## the RTL benches under Verilator (MODULE=name for one)
	$(BIN)/python sim/rtl/run.py $(MODULE) $(ARGS)

sim-coverage: .make/sim ## code and functional coverage of the RTL benches, with gates
	$(BIN)/python -m sim.coverage $(ARGS)

hdl-check: .make/sim ## static checks of the RTL: subset, paths, depths, resets, state machines, register map
	$(BIN)/python hdl/lint/checks.py $(ARGS)
	$(BIN)/python hdl/lint/card.py --check

hdl-card: .make/sim ## draw the card's hierarchy and write the page of state machines again
	$(BIN)/python hdl/lint/card.py
	$(BIN)/python hdl/lint/fsm_page.py

hdl-formal: .make/sim ## the proofs (MODULE=name for one; minutes)
	$(BIN)/python hdl/formal/run.py $(MODULE) $(ARGS)

hdl-mutation: .make/sim ## plant errors in the RTL and count those that the benches notice (an hour or more)
	$(BIN)/python hdl/mutation/judge.py $(ARGS)

hdl-synth: .make/sim ## place and route every block, and its page (many hours; ARGS="--jobs 2")
	$(BIN)/python hdl/synth/sweep.py $(ARGS)

nightly: .make/sim ## the long runs: benches with new seeds, coverage, proofs, card and software over days (hours)
	$(BIN)/python sim/rtl/run.py --length long --sim both
	$(BIN)/python -m sim.coverage --length normal
	$(BIN)/python hdl/formal/run.py
	$(BIN)/python -m sim.device.nightly

lock: .venv/.uv ## resolve the lock files again
	$(UV) pip compile -q pyproject.toml --extra bridge --extra build --generate-hashes --no-annotate --no-header --no-emit-index-url -o requirements/run.lock $(ARGS)
	$(UV) pip compile -q pyproject.toml --extra dev --generate-hashes --no-annotate --no-header --no-emit-index-url -o requirements/dev.lock $(ARGS)
	$(UV) pip compile -q pyproject.toml --extra dev --extra hdl --generate-hashes --no-annotate --no-header --no-emit-index-url -o requirements/hdl.lock $(ARGS)

clean: ## remove what was built (not .venv)
	rm -rf .make build bench/results fastpath/*.so sim/exchange/*.so fastpath/_core.c sim/exchange/_native.c

.venv/.uv:
	@tools/install_system_packages.sh run
	@echo "making .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install -q --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

# The three stamps nest: sim has everything of dev, dev has everything of run.
.make/run-deps: requirements/run.lock | .venv/.uv
	@mkdir -p .make
	@echo "installing locked dependencies"
	@$(UV) pip install -q --require-hashes -r requirements/run.lock
	@touch $@

.make/run: .make/run-deps $(BUILD_FILES)
	@echo "building the C core"
	@$(UV) pip install -q --no-deps --no-build-isolation -e .
	@touch $@

.make/dev: requirements/dev.lock .make/run
	@echo "installing locked development dependencies"
	@$(UV) pip install -q --require-hashes -r requirements/dev.lock
	@touch $@

.make/test: .make/dev
	@tools/install_system_packages.sh test
	@touch $@

.make/sim: requirements/hdl.lock .make/dev
	@tools/install_system_packages.sh sim
	@$(UV) pip install -q --require-hashes -r requirements/hdl.lock
	@touch $@
