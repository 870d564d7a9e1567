# Everything a clone needs beside Python >= 3.11 and a Rust toolchain is set up by these targets.
# `make` lists them.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUST   := Cargo.toml Cargo.lock pyproject.toml $(shell find src -name '*.rs')

.DEFAULT_GOAL := help
.PHONY: help setup build demo test rust-test fuzz-corpus lint types python-test boto3-range doctest api journal-kills journal-disk format bench bench-again bench-quick bench-calls bench-calls-quick soak bench-headlines bench-local-ecr bench-pace bench-cancelled bench-journal bench-diff bench-overhead clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.dev ## make the virtual environment with everything the checks need

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "layercheck needs Python >= 3.11; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@command -v cargo > /dev/null || { echo "layercheck needs a Rust toolchain (cargo); see https://rustup.rs"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet 'maturin>=1.14,<2'
	@touch $@

$(VENV)/.dev: $(VENV)/.venv pyproject.toml
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

build: $(VENV)/.built ## compile the native module (release) and install the package, editable

$(VENV)/.built: $(VENV)/.venv $(RUST)
	PIP_QUIET=1 VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --locked --quiet --extras parquet
	@touch $@

demo: build ## check a dirty million-row file against a local endpoint
	$(BIN)/layercheck demo

test: lint rust-test build types python-test boto3-range doctest ## every check there is

lint: setup ## rustfmt, clippy with warnings as errors, ruff
	cargo fmt --check
	cargo fmt --check --manifest-path tests/fuzz/Cargo.toml --all
	PYO3_PYTHON=$(CURDIR)/$(BIN)/python cargo clippy --locked --all-targets --all-features --quiet -- -D warnings
	$(BIN)/ruff format --check --quiet python tests/python bench
	$(BIN)/ruff check --quiet python tests/python bench
	$(BIN)/ruff format --check --quiet docs examples && $(BIN)/ruff check --quiet docs examples

rust-test: fuzz-corpus ## the Rust tests, without any Python
	cargo test --locked --quiet --features local-ecr,arrow,wire

# Shows which hex kernels this CPU can run; those that it cannot are named too. `faster-hex` shows its
# kernels to builds for fuzzing alone.
fuzz-corpus: ## every hex kernel against the scalar one, and every case the fuzzers found
	RUSTFLAGS='--cfg fuzzing' cargo test --locked --quiet --manifest-path tests/fuzz/Cargo.toml --package checks -- --nocapture

types: setup build ## mypy, strict, and the stubs against the native module
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest layercheck._core --ignore-missing-stub

python-test: setup build ## the Python tests
	$(BIN)/python -m pytest -q

# The environment has the newest boto3. Beside it: the floor of our range, and the last line with the
# older default of retries.
$(VENV)/boto3-floor/.done: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --target $(@D) 'boto3==1.35.16' 'botocore==1.35.16'
	@touch $@

$(VENV)/boto3-1.43/.done: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --target $(@D) 'boto3==1.43.*'
	@touch $@

boto3-range: setup build $(VENV)/boto3-floor/.done $(VENV)/boto3-1.43/.done ## the transports with the oldest boto3 of our range, and with the last 1.43
	@for line in floor 1.43; do \
	  export PYTHONPATH=$(VENV)/boto3-$$line; \
	  $(BIN)/python -c 'import botocore; print("with botocore", botocore.__version__)' && \
	  $(BIN)/python -m pytest -q tests/python/dispatch/transport tests/python/protocol/test_service_model.py || exit 1; \
	done

doctest: setup build ## the examples in the docstrings, in the README and in docs/
	$(BIN)/python -m pytest -q --doctest-modules python/layercheck
	$(BIN)/python -m pytest -q --doctest-glob='*.md' README.md docs

api: setup build ## write docs/reference/api.md from the docstrings
	$(BIN)/python docs/api.py

# The command as it is shipped, with 300,000 digests. A few kills of a small audit are among the Python tests.
KILLS := 200

journal-kills: setup build ## end audits with a journal 200 times (KILLS=), mostly by kill -9, some 6 minutes; write bench/results/journal-kills.json
	PYTHONPATH=tests/python:bench $(BIN)/python -m journal.kill_loop $(KILLS) --results bench/results/journal-kills.json

# Needs Linux and strace (Debian: apt-get install strace), and the right to trace one's own processes.
journal-disk: setup build ## fail the n-th write, sync or open of a journal and a report with ENOSPC and EIO, by strace, some 4 minutes
	PYTHONPATH=tests/python $(BIN)/python -m journal.failing_disk

format: setup ## rewrite the sources in the house format
	cargo fmt
	$(BIN)/ruff format python tests/python bench
	$(BIN)/ruff check --fix python tests/python bench

# Part of the suite: make bench BENCH="-k 'list and not growth'"; then nothing is kept.
BENCH  :=
CACHE  := bench/.cache

bench: setup build ## measure layercheck beside its peers, some 20 minutes; write bench/results and docs/speed.md
	@mkdir -p $(CACHE)
	@rm -f $(CACHE)/run.json
	@$(BIN)/python -m pytest -q bench/offline --benchmark-columns=min,median,rounds --benchmark-json=$(CACHE)/run.json $(BENCH); status=$$?; \
	$(BIN)/python bench offline.harness.summary $(CACHE)/run.json $(if $(BENCH),,--results bench/results --page) && $(BIN)/python bench headlines && exit $$status

bench-again: setup build ## measure a part anew, into the last result: make bench-again BENCH="-k 'list and not growth'"
	@mkdir -p $(CACHE)
	@rm -f $(CACHE)/run.json
	@$(BIN)/python -m pytest -q bench/offline --benchmark-columns=min,median,rounds --benchmark-json=$(CACHE)/run.json $(BENCH); status=$$?; \
	$(BIN)/python bench offline.harness.summary $(CACHE)/run.json --again --results bench/results --page && $(BIN)/python bench headlines && exit $$status

bench-quick: setup build ## the same on small inputs and in one round, to see that it runs and answers agree
	@mkdir -p $(CACHE)
	$(BIN)/python -m pytest -q bench/offline --most-rows 10000 --rounds 1 --benchmark-columns=min,median,rounds --benchmark-json=$(CACHE)/quick.json
	$(BIN)/python bench offline.harness.summary $(CACHE)/quick.json

bench-pace: setup build ## the pacer against a server's token bucket, in virtual time; write bench/results/pace.json
	$(BIN)/python bench studies.pacing

bench-journal: setup build ## what a journal costs, and 10 M digests with one beside boto3, some 6 minutes; write bench/results and a table
	$(BIN)/python bench studies.journal

# Of ten million: make bench-diff DIFF="--digests 10000000 --rounds 1"; only without DIFF is it kept.
DIFF :=

bench-diff: setup build ## compare two audits of a million digests in each form, beside polars and plain Python, some 3 minutes; write bench/results/diff.json
	$(BIN)/python bench studies.diff $(or $(DIFF),--keep)

bench-cancelled: setup build ## three checks in one event loop, one cancelled: how soon it stops; write bench/results/cancelled.json
	$(BIN)/python bench studies.cancellation

# Peers that cannot live in our virtual environment, or are no Python at all.
$(CACHE)/aiobotocore/.made: bench/peers/aiobotocore.txt
	$(PYTHON) -m venv $(CACHE)/aiobotocore
	$(CACHE)/aiobotocore/bin/python -m pip install --quiet --requirement $<
	@touch $@

$(CACHE)/aws_sdk_rust/.made: $(wildcard bench/peers/aws_sdk_rust/Cargo.* bench/peers/aws_sdk_rust/src/*)
	cargo build --release --locked --quiet --manifest-path bench/peers/aws_sdk_rust/Cargo.toml --target-dir $(CACHE)/aws_sdk_rust
	@touch $@

bench-calls: setup build $(CACHE)/aiobotocore/.made $(CACHE)/aws_sdk_rust/.made ## measure calls beside boto3, aiobotocore and the AWS SDK for Rust, some 10 minutes
	$(BIN)/python bench calls.suite --results bench/results --page
	$(BIN)/python bench headlines

bench-calls-quick: setup build $(CACHE)/aiobotocore/.made $(CACHE)/aws_sdk_rust/.made ## the same with few calls, to see that it runs and answers agree
	$(BIN)/python bench calls.suite --quick

bench-headlines: setup ## write the README's three rows from the newest results
	$(BIN)/python bench headlines

bench-local-ecr: ## calls a second that the local endpoint answers on one core; write bench/results
	cargo run --release --locked --quiet --features local-ecr --example bench_local_ecr

soak: setup build ## two million digests through a hostile endpoint, some minutes; write bench/results
	$(BIN)/python bench calls.soak --results bench/results

bench-overhead: setup build ## what dispatch itself costs for each call; write bench/results/overhead.json
	$(BIN)/python bench studies.overhead

clean: ## remove everything that was made
	rm -rf $(VENV) target layercheck-demo bench/.cache python/layercheck/_core*.so
