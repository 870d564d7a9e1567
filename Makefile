# Everything a clone needs beside Python >= 3.11 and a Rust toolchain is set up by these targets.
# `make` lists them.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUST   := Cargo.toml Cargo.lock pyproject.toml $(shell find src -name '*.rs')

.DEFAULT_GOAL := help
.PHONY: help setup build demo test rust-test lint types python-test doctest format bench-local-ecr clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## make the virtual environment with everything the checks need

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "layercheck needs Python >= 3.11; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@command -v cargo > /dev/null || { echo "layercheck needs a Rust toolchain (cargo); see https://rustup.rs"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

build: $(VENV)/.built ## compile the native module (release) and install the package, editable

$(VENV)/.built: $(VENV)/.installed $(RUST)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --quiet --extras parquet
	@touch $@

demo: build ## check a dirty million-row file against a local endpoint
	$(BIN)/layercheck demo

test: lint rust-test build types python-test doctest ## every check there is

lint: setup ## rustfmt, clippy with warnings as errors, ruff
	cargo fmt --check
	cargo clippy --locked --all-targets --quiet -- -D warnings
	PYO3_PYTHON=$(CURDIR)/$(BIN)/python cargo clippy --locked --all-targets --all-features --quiet -- -D warnings
	$(BIN)/ruff format --check --quiet python tests/python bench
	$(BIN)/ruff check --quiet python tests/python bench

rust-test: ## the Rust tests, without any Python
	cargo test --locked --quiet --features local-ecr,arrow

types: build ## mypy, strict, and the stubs against the native module
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest layercheck._core --ignore-missing-stub

python-test: build ## the Python tests
	$(BIN)/python -m pytest -q

doctest: build ## the examples in the docstrings and in the README
	$(BIN)/python -m pytest -q --doctest-modules python/layercheck
	$(BIN)/python -m pytest -q --doctest-glob='*.md' README.md

format: setup ## rewrite the sources in the house format
	cargo fmt
	$(BIN)/ruff format python tests/python bench
	$(BIN)/ruff check --fix python tests/python bench

clean: ## remove everything that was made
	rm -rf $(VENV) target layercheck-demo python/layercheck/_core*.so
