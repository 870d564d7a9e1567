# These targets set up everything that a clone needs beside Python >= 3.11 and a Rust toolchain.
# `make` lists them.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUST   := Cargo.toml Cargo.lock pyproject.toml $(shell find src -name '*.rs')
CACHE  := bench/.cache

# Says what the next step does and how long it takes, before it starts.
say = @printf '\n==> %s\n' '$(1)'

.DEFAULT_GOAL := help
.PHONY: help demo setup build test lint imports rust-imports types rust-test fuzz-corpus python-test doctest boto3-range wheel-check wheels msrv lint-release docs interface api notebooks deny advisories \
  page-check real-push test-engines test-engines-fast test-spark test-spark4 test-spark35 example-spark test-dask test-ray \
  bench bench-again bench-quick bench-calls bench-calls-quick bench-headlines bench-journal bench-diff bench-growth bench-pace \
  bench-overhead bench-cancelled bench-giving-up bench-failing-calls bench-images bench-manifests bench-shares bench-plots bench-local-ecr bench-spark bench-dask bench-ray soak exhaustion journal-kills journal-disk coverage format clean

help: ## list the targets
	@awk -F ':.*## ' '/^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Use

# The release build serves the demo too. Without it, the demo profile compiles in a fraction of the time.
demo: $(if $(wildcard $(VENV)/.release),$(VENV)/.release,$(VENV)/.demo) ## check a dirty million-row file against a local endpoint; needs no AWS account
	$(BIN)/layercheck demo

build: $(VENV)/.release ## compile the native module (release profile) and install the package, editable

setup: $(VENV)/.checks ## make the virtual environment with everything that the checks need

$(VENV)/.tools:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "layercheck needs Python >= 3.11; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@command -v cargo > /dev/null || { echo "layercheck needs a Rust toolchain (cargo); see https://rustup.rs"; exit 1; }
	$(call say,make the virtual environment $(VENV) and install the build tool maturin: some 10 seconds)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'maturin>=1.14,<2'
	@touch $@

$(VENV)/.checks: $(VENV)/.tools pyproject.toml
	$(call say,install the tools of the checks and the peers of the benchmarks (900 MB): some 2 minutes)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --group checks
	@touch $@

# maturin installs the Python dependencies first, and then shows cargo's own progress. Each of the two
# builds replaces the native module of the other, so each removes the other's stamp.
develop = PIP_QUIET=1 PIP_DISABLE_PIP_VERSION_CHECK=1 VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --locked

$(VENV)/.release: $(VENV)/.tools $(RUST)
	$(call say,install the dependencies and compile the native module (release profile): some 3 minutes the first time)
	$(develop) --release --extras parquet
	@rm -f $(VENV)/.demo
	@touch $@

$(VENV)/.demo: $(VENV)/.tools $(RUST)
	$(call say,install the dependencies and compile the native module (demo profile): some 1 minute the first time)
	LAYERCHECK_PROFILE=demo $(develop) --profile demo
	@rm -f $(VENV)/.release
	@touch $@

##@ Check

test: lint rust-test build types python-test boto3-range doctest wheel-check ## run lint, types, rust-test, python-test, doctest, boto3-range and wheel-check

lint: imports ## rustfmt, clippy with warnings as errors, ruff, imports
	cargo fmt --check
	cargo fmt --check --manifest-path tests/fuzz/Cargo.toml --all
	PYO3_PYTHON=$(CURDIR)/$(BIN)/python cargo clippy --locked --all-targets --all-features --quiet -- -D warnings
	$(BIN)/ruff format --check --quiet python tests bench
	$(BIN)/ruff check --quiet python tests bench
	$(BIN)/ruff format --check --quiet docs examples && $(BIN)/ruff check --quiet docs examples

imports: setup ## one direction: each stage of the Python package imports only the stages below it
	PYTHONPATH=python $(BIN)/lint-imports --no-logo --no-cache

# Needs `cargo install cargo-modules --locked --version 0.27.0`, some 5 minutes.
rust-imports: ## draw the modules of the core and who uses whom, as target/modules.dot for Graphviz; needs cargo-modules
	cargo modules dependencies --lib --features local-ecr,arrow,wire --no-externs --no-fns --no-traits --no-types --no-sysroot --no-owns > target/modules.dot

types: setup build ## mypy, strict, and the stubs against the native module
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest layercheck._core --mypy-config-file pyproject.toml --allowlist tests/stubtest-allowlist.txt

rust-test: fuzz-corpus ## the Rust tests, without Python
	cargo test --locked --quiet --features local-ecr,arrow,wire

# Names the hex kernels that this CPU can run, and those that it cannot. The flag is needed because
# `faster-hex` shows its kernels only to builds for fuzzing.
fuzz-corpus: ## every hex kernel against the scalar one, and every input that the fuzzers found
	RUSTFLAGS='--cfg fuzzing' cargo test --locked --quiet --manifest-path tests/fuzz/Cargo.toml --package checks -- --nocapture

# Most tests wait, for a server or a time limit, so two processes take little more than half of the time of one.
# A file is tested by one of them. For one process: make python-test PROCESSES=0
PROCESSES := 2
pytest     = $(BIN)/python -m pytest -q -n $(PROCESSES) --dist loadfile

python-test: setup build ## the Python tests (PROCESSES=)
	$(pytest)

doctest: setup build ## the examples in the docstrings, in the README and in docs/
	$(BIN)/python -m pytest -q --doctest-modules python/layercheck
	$(BIN)/python -m pytest -q --doctest-glob='*.md' README.md docs

# The virtual environment has the newest boto3. These two folders have the oldest one of the supported
# range, and the last line with the older default of retries.
$(VENV)/boto3-floor/.done: $(VENV)/.checks
	$(BIN)/python -m pip install --quiet --target $(@D) 'boto3==1.35.16' 'botocore==1.35.16'
	@touch $@

$(VENV)/boto3-1.43/.done: $(VENV)/.checks
	$(BIN)/python -m pip install --quiet --target $(@D) 'boto3==1.43.*'
	@touch $@

boto3-range: setup build $(VENV)/boto3-floor/.done $(VENV)/boto3-1.43/.done ## the transports, and images of LocalEcr, with the oldest supported boto3, and with the last 1.43
	@for line in floor 1.43; do \
	  export PYTHONPATH=$(VENV)/boto3-$$line; \
	  $(BIN)/python -c 'import botocore; print("with botocore", botocore.__version__)' && \
	  $(pytest) tests/python/dispatch/transport tests/python/protocol/test_service_model.py \
	    tests/python/testing/test_local_ecr_boto3_range.py || exit 1; \
	done

wheel-check: setup build ## a wheel of this build in a new environment: a program runs, and strict mypy and pyright read its types
	@rm -rf target/wheel-check
	PIP_QUIET=1 $(BIN)/maturin build --release --locked --compatibility linux --interpreter $(BIN)/python --out target/wheel-check
	tests/wheel/check.sh target/wheel-check/*.whl

cargo-deny = @cargo deny --version > /dev/null 2>&1 || { echo "this needs cargo-deny: cargo install cargo-deny --locked"; exit 1; }

deny: ## licences, banned crates and sources of the Rust dependencies; needs cargo-deny, and no network
	$(cargo-deny)
	cargo deny --offline --locked check licenses bans sources

advisories: ## known vulnerabilities of the Rust dependencies; needs cargo-deny and the network
	$(cargo-deny)
	cargo deny --locked check advisories

##@ Engines

# Each engine has a virtual environment of its own, with the pinned packages of tests/engines/requirements-NAME.txt and a
# wheel of this build. These tests start real clusters on 127.0.0.1 and kill their processes.
ENGINES := $(VENV)/engines

test-engines: test-spark test-dask test-ray ## the adapters on real engines, with real kills: some 20 minutes

# What kills processes and waits for others takes most of the time, and rarely breaks alone.
FAST := -k "not killed and not dies and not driver_ends and not is_gone and not ends_every and not without_workers \
  and not through_connect and not copies_of_tasks and not key_stays and not example"

test-engines-fast: ## the same without kills, on Spark 4, Dask and Ray: some 6 minutes, and 3 to install them
	@$(MAKE) --no-print-directory test-dask test-ray test-spark SPARKS=test-spark4 ENGINE_TESTS='$(FAST)'

$(ENGINES)/wheel/.done: $(VENV)/.tools $(RUST) $(shell find python -name '*.py')
	@rm -rf $(@D)
	PIP_QUIET=1 $(BIN)/maturin build --release --locked --compatibility linux --interpreter $(BIN)/python --out $(@D)
	@touch $@

# An environment stays when only the package changes.
.PRECIOUS: $(ENGINES)/%/.engine

$(ENGINES)/%/.engine: tests/engines/requirements-%.txt
	$(call say,install $* into a virtual environment of its own: some 1 minute)
	@rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(ENGINES)/%/.done: $(ENGINES)/%/.engine $(ENGINES)/wheel/.done
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall $(ENGINES)/wheel/*.whl
	@touch $@

test-dask: $(ENGINES)/dask/.done ## Dask with processes on 127.0.0.1, some 4 minutes
	$(ENGINES)/dask/bin/python -m pytest -q tests/engines/on_dask $(ENGINE_TESTS)

# Ray listens on every interface, so these tests run in a network namespace of their own, which has only loopback.
test-ray: $(ENGINES)/ray/.done ## Ray in a network namespace of its own, some 3 minutes; skipped where none can be made
	$(ENGINES)/ray/bin/python tests/engines/on_ray/loopback_only.py $(ENGINES)/ray/bin/python -m pytest -q tests/engines/on_ray $(ENGINE_TESTS)

SPARKS := test-spark4 test-spark35

test-spark: ## Spark 4 and 3.5, classic and Connect; needs Java 17
	@if $(if $(JAVA_HOME),$(JAVA_HOME)/bin/)java -version > /dev/null 2>&1; then \
	  $(MAKE) --no-print-directory $(SPARKS); \
	else \
	  printf '\n==> SKIPPED: Spark needs Java 17, and neither JAVA_HOME nor PATH has a java. Nothing of layercheck.spark was tested.\n'; \
	fi

test-spark4: $(ENGINES)/spark4/.done
	$(ENGINES)/spark4/bin/python -m pytest -q tests/engines/on_spark $(ENGINE_TESTS)

# The package of 3.5 brings no server of Spark Connect, so the two tests of Connect say that they are skipped.
test-spark35: $(ENGINES)/spark35/.done
	$(ENGINES)/spark35/bin/python -m pytest -q tests/engines/on_spark $(ENGINE_TESTS)

example-spark: $(ENGINES)/spark4/.done ## run examples/spark_audit.py by spark-submit against a local endpoint; needs Java 17
	$(ENGINES)/spark4/bin/python -m pytest -q --capture=no tests/engines/on_spark/test_example.py

##@ Pages

# The browser has a virtual environment of its own, with the pinned packages of tests/page/requirements.txt.
$(VENV)/page/.done: tests/page/requirements.txt
	$(call say,install playwright and axe-core into a virtual environment of their own: some 20 seconds)
	@rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

CHROMIUM ?= $(firstword $(foreach name,chromium chromium-browser google-chrome chrome,$(shell command -v $(name))))

page-check: setup build ## pages in Chromium (CHROMIUM=): requests, policy, script, paper, accessibility, some 4 minutes; skipped without Chromium
	@if [ -n "$(CHROMIUM)" ]; then \
	  $(MAKE) --no-print-directory $(VENV)/page/.done && \
	  rm -rf target/page-check && PYTHONPATH=tests/python $(BIN)/python tests/page/make_pages.py target/page-check && \
	  CHROMIUM=$(CHROMIUM) $(VENV)/page/bin/python -m pytest -q -c tests/page/pytest.ini --rootdir tests/page tests/page --pages target/page-check; \
	else \
	  printf '\n==> SKIPPED: no Chromium was found in PATH, and CHROMIUM= names none. No page was opened in a browser.\n'; \
	fi

##@ Measure

# For a part of the suite: make bench BENCH="-k 'list and not growth'". A part writes no result.
BENCH  :=

bench: setup build ## the offline cases beside their peers, some 20 minutes; writes bench/results and the published table
	@mkdir -p $(CACHE)
	@rm -f $(CACHE)/run.json
	@$(BIN)/python -m pytest -q bench/offline --benchmark-columns=min,median,rounds --benchmark-json=$(CACHE)/run.json $(BENCH); status=$$?; \
	$(BIN)/python bench offline.harness.summary $(CACHE)/run.json $(if $(BENCH),,--results bench/results --page) && $(BIN)/python bench headlines && exit $$status

bench-again: setup build ## measure a part again, into the last result: make bench-again BENCH="-k 'list and not growth'"
	@mkdir -p $(CACHE)
	@rm -f $(CACHE)/run.json
	@$(BIN)/python -m pytest -q bench/offline --benchmark-columns=min,median,rounds --benchmark-json=$(CACHE)/run.json $(BENCH); status=$$?; \
	$(BIN)/python bench offline.harness.summary $(CACHE)/run.json --again --results bench/results --page && $(BIN)/python bench headlines && exit $$status

bench-quick: setup build ## the offline cases with small inputs and one round, to check the answers
	@mkdir -p $(CACHE)
	$(BIN)/python -m pytest -q bench/offline --most-rows 10000 --rounds 1 --benchmark-columns=min,median,rounds --benchmark-json=$(CACHE)/quick.json
	$(BIN)/python bench offline.harness.summary $(CACHE)/quick.json

# These peers need a virtual environment of their own, or are not Python.
$(CACHE)/aiobotocore/.made: bench/peers/aiobotocore.txt
	$(call say,install aiobotocore into a virtual environment of its own: some 10 seconds)
	$(PYTHON) -m venv $(CACHE)/aiobotocore
	$(CACHE)/aiobotocore/bin/python -m pip install --quiet --requirement $<
	@touch $@

$(CACHE)/aws_sdk_rust/.made: $(wildcard bench/peers/aws_sdk_rust/Cargo.* bench/peers/aws_sdk_rust/src/*)
	$(call say,compile the peer that uses the AWS SDK for Rust: some 3 minutes)
	cargo build --release --locked --manifest-path bench/peers/aws_sdk_rust/Cargo.toml --target-dir $(CACHE)/aws_sdk_rust
	@touch $@

bench-calls: setup build $(CACHE)/aiobotocore/.made $(CACHE)/aws_sdk_rust/.made ## calls beside boto3, aiobotocore and the AWS SDK for Rust, some 15 minutes; writes bench/results and the published table
	$(BIN)/python bench calls.suite --results bench/results --page
	$(BIN)/python bench headlines

bench-calls-quick: setup build $(CACHE)/aiobotocore/.made $(CACHE)/aws_sdk_rust/.made ## the same with few calls, to check the answers
	$(BIN)/python bench calls.suite --quick

bench-headlines: setup ## write the README's three rows from the newest results
	$(BIN)/python bench headlines

bench-journal: setup build ## the cost of a journal, and 10 M digests beside boto3, some 6 minutes; writes bench/results and the published table
	$(BIN)/python bench studies.journal

# For ten million: make bench-diff DIFF="--digests 10000000 --rounds 1". With DIFF it writes no result.
DIFF :=

bench-diff: setup build ## a comparison of two audits beside polars and plain Python, some 3 minutes; writes bench/results/diff.json
	$(BIN)/python bench studies.diff $(or $(DIFF),--keep)

# For other sizes: make bench-growth GROWTH="--millions 1 5 --rounds 1". With GROWTH it writes no result.
bench-growth: setup build ## what a row costs in plans of 5, 50 and 100 million digests, some 15 minutes, 12 GB of memory; writes bench/results/growth.json
	$(BIN)/python bench studies.growth $(or $(GROWTH),--keep)

bench-pace: setup build ## the pacer against a server's token bucket, in virtual time; writes bench/results/pace.json
	$(BIN)/python bench studies.pacing

bench-overhead: setup build ## the cost of dispatch for each call; writes bench/results/overhead.json
	$(BIN)/python bench studies.overhead

bench-cancelled: setup build ## how soon a cancelled check stops; writes bench/results/cancelled.json
	$(BIN)/python bench studies.cancellation

bench-giving-up: setup build ## what is unanswered when calls fail at random, some 6 minutes; writes bench/results/giving_up.json
	$(BIN)/python bench studies.giving_up

bench-failing-calls: setup build ## calls while some fail, in resumed runs and in two runs at once, some 2 minutes; writes bench/results and the published table
	$(BIN)/python bench studies.failing_calls --keep

bench-images: setup build ## checks of whole repositories, beside a script; writes bench/results/images.json
	$(BIN)/python bench studies.images --keep

bench-shares: setup build ## the calls of several askers in each second, one of them killed, some 3 minutes; writes bench/results/shares.json
	$(BIN)/python bench studies.shares --keep

bench-manifests: setup build ## what a manifest costs, part by part, beside json and hashlib; writes bench/results/manifests.json
	$(BIN)/python bench studies.manifests --keep

bench-plots: setup build ## libraries that draw plots: size, time, what their drawings are, some 5 minutes; writes bench/results/plots.json
	$(BIN)/python bench studies.plots --keep

bench-dask: $(ENGINES)/dask/.done ## audits on Dask: rate, deaths, beside one process, some 10 minutes; writes bench/results/dask.json
	PYTHONPATH=tests/engines $(ENGINES)/dask/bin/python bench engines.dask --keep

bench-ray: $(ENGINES)/ray/.done ## audits on Ray: rate, deaths, beside one process, some 10 minutes; writes bench/results/ray.json
	PYTHONPATH=tests/engines $(ENGINES)/ray/bin/python tests/engines/on_ray/loopback_only.py $(ENGINES)/ray/bin/python bench engines.ray --keep

bench-spark: $(ENGINES)/spark4/.done ## audits on Spark: rate, deaths, beside one process, SQL and boto3, some 15 minutes; writes bench/results/spark.json
	PYTHONPATH=tests/engines $(ENGINES)/spark4/bin/python bench engines.spark --keep

bench-local-ecr: ## calls a second that the local endpoint answers on one core; writes bench/results/local_ecr.json
	cargo run --release --locked --features local-ecr --example bench_local_ecr

##@ Slow checks

soak: setup build ## two million digests through a hostile endpoint, some minutes; writes bench/results
	$(BIN)/python bench calls.soak --results bench/results

# The Python tests have ten of these. Needs Linux.
CHILDREN := 1000

exhaustion: setup build ## take descriptors, memory or threads away from 1,000 checks (CHILDREN=), some 15 minutes; writes bench/results/exhaustion.json
	PYTHONPATH=tests/python:bench $(BIN)/python -m dispatch.exhaustion_loop $(CHILDREN) --results bench/results/exhaustion.json

# Runs the shipped command with 300,000 digests. The Python tests have a few kills of a small audit.
KILLS := 200

journal-kills: setup build ## end audits with a journal 200 times (KILLS=), mostly by kill -9, some 6 minutes; writes bench/results/journal-kills.json
	PYTHONPATH=tests/python:bench $(BIN)/python -m journal.kill_loop $(KILLS) --results bench/results/journal-kills.json

# Needs Linux and strace (Debian: apt-get install strace), and permission to trace own processes.
journal-disk: setup build ## fail the n-th write, sync or open of a journal and a report by strace, some 4 minutes
	PYTHONPATH=tests/python $(BIN)/python -m journal.failing_disk

# Debian has all three. Its package docker-registry starts a service; bench/real/push_plans.py says how to do without.
REAL_TOOLS := skopeo umoci docker-registry
lacking     = $(foreach name,$(REAL_TOOLS),$(if $(shell command -v $(name)),,$(name)))

real-push: setup build ## push plans against what skopeo sends to a docker-registry on 127.0.0.1; writes bench/results/push_plans.json; skipped without skopeo, umoci or docker-registry
	@if [ -z "$(strip $(lacking))" ]; then \
	  $(BIN)/python bench real.push_plans --keep; \
	else \
	  printf '\n==> SKIPPED: PATH lacks %s. No push plan was compared with a real push.\n' "$(strip $(lacking))"; \
	fi

# The Python tests run in a virtual environment of their own, so that the module of `make build` stays. It has
# a module with counters, and takes all other packages from $(VENV). Its `.pth` file starts the measurement in
# every process, because many tests start the command with an empty environment. The demo profile keeps the
# compilation short. Tests are left out that the measurement breaks: it loads more libraries, no exception is
# raised in an abandoned thread while Python 3.11 traces, and where no file may grow its own files cannot either.
# For a part of the tests: make coverage TESTS=tests/python/plan RUST_TESTS='--test plan'
TESTS      := tests/python
RUST_TESTS :=
COVERAGE   := $(CURDIR)/target/coverage
UNCOUNTED  := package/test_import.py::test_import_loads_no_heavy_library \
              aws/test_response_limit.py::test_an_endless_call_is_abandoned_on_a_callers_client \
              cli/test_images_files.py::test_a_full_disk_leaves_a_table_whole_or_as_it_was \
              cli/test_journal.py::test_after_a_disk_failure_the_report_is_written_and_the_run_can_continue
purelib     = $$($(1)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

coverage: setup ## lines that the tests of both languages cover (TESTS=, RUST_TESTS=), some 40 minutes; needs cargo-llvm-cov
	@cargo llvm-cov --version > /dev/null 2>&1 || { echo "this needs cargo-llvm-cov: cargo install cargo-llvm-cov --locked, and rustup component add llvm-tools or LLVM_COV= and LLVM_PROFDATA= with the tools of LLVM 19"; exit 1; }
	$(call say,compile the Rust tests and the native module with counters: some 3 minutes the first time)
	@rm -rf $(COVERAGE)/venv $(COVERAGE)/wheel $(COVERAGE)/*.profraw $(COVERAGE)/python.coverage*
	$(BIN)/python -m venv --without-pip $(COVERAGE)/venv
	@set -e; export CARGO_TARGET_DIR=$(COVERAGE) COVERAGE_FILE=$(COVERAGE)/python.coverage; eval "$$(cargo llvm-cov show-env --sh)"; set -x; \
	cargo test --profile demo --locked --features local-ecr,arrow,wire $(RUST_TESTS); \
	$(BIN)/maturin build --profile demo --locked --interpreter $(BIN)/python --out $(COVERAGE)/wheel; \
	$(BIN)/python -m pip --python $(COVERAGE)/venv/bin/python install --quiet --no-deps $(COVERAGE)/wheel/*.whl; \
	{ echo "$(call purelib,$(BIN))"; \
	  echo "import os; os.environ.update(LLVM_PROFILE_FILE='$$LLVM_PROFILE_FILE', COVERAGE_FILE='$$COVERAGE_FILE', COVERAGE_PROCESS_START='$(CURDIR)/pyproject.toml'); import coverage; coverage.process_startup()"; \
	} > "$(call purelib,$(COVERAGE)/venv/bin)/coverage.pth"; \
	$(COVERAGE)/venv/bin/python -m pytest -q $(TESTS) $(UNCOUNTED:%=--deselect tests/python/%) || status=$$?; \
	$(BIN)/python -m coverage combine --quiet; \
	$(BIN)/python -m coverage report; \
	cargo llvm-cov report --profile demo --summary-only --failure-mode all; exit $${status:-0}

##@ Release

# What looks at wheels and workflows has a virtual environment of its own.
RELEASE := $(VENV)/release
PYTHONS := python3.11 python3.12 python3.13 python3.14

$(RELEASE)/.made: tests/wheel/requirements.txt
	$(call say,install what checks a release into a virtual environment of its own: some 30 seconds)
	@rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# On Linux zig links against an older C library than that of this machine.
ifeq ($(shell uname -s),Linux)
PLATFORM := --compatibility manylinux_2_28 --zig
endif

# For a free-threaded Python, whose stable ABI begins with 3.15: make wheels FREE_THREADED=python3.14t
FREE_THREADED :=

build-wheel = PATH="$(CURDIR)/$(RELEASE)/bin:$$PATH" $(BIN)/maturin build --release --locked $(PLATFORM) --out dist

wheels: setup $(RELEASE)/.made ## the abi3 wheel (on Linux manylinux_2_28), the sdist and SBOMs, in dist/, audited and tried in new environments (PYTHONS=, FREE_THREADED=): some 10 minutes
	rm -rf dist
	$(build-wheel) --interpreter $(BIN)/python
	$(BIN)/maturin sdist --out dist
	$(RELEASE)/bin/twine check --strict dist/*
	$(RELEASE)/bin/abi3audit --strict --summary dist/*-abi3-*.whl
	$(if $(PLATFORM),$(RELEASE)/bin/auditwheel show dist/*-abi3-*.whl)
	tests/wheel/sbom.sh dist/*-abi3-*.whl $(RELEASE)/bin/cyclonedx-py
	tests/wheel/check.sh dist/*-abi3-*.whl
	tests/wheel/try.sh dist/*-abi3-*.whl $(PYTHONS)
	tests/wheel/check.sh dist/*.tar.gz --config-settings build-args='--profile demo'
	$(if $(FREE_THREADED),$(build-wheel) --interpreter $(FREE_THREADED) && tests/wheel/try.sh dist/*t-*.whl $(FREE_THREADED))

msrv: ## the Rust tests with the oldest toolchain that the dependencies allow, which is rust-version of Cargo.toml
	$(PYTHON) tests/rust/oldest_toolchain.py

lint-release: $(RELEASE)/.made ## the workflow file by zizmor and its schema, CITATION.cff by its schema
	$(RELEASE)/bin/zizmor --offline --pedantic .github/workflows
	$(RELEASE)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(RELEASE)/bin/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

##@ Documentation

# The generator has a virtual environment of its own. Once it is made, the target needs no network.
DOCS := $(VENV)/docs
SITE := target/docs/html

$(DOCS)/.made: docs/site/requirements.txt
	$(call say,install the generator of the site into a virtual environment of its own: some 20 seconds)
	@rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

docs: $(DOCS)/.made ## the site in target/docs/html, with search and the core's own pages; warnings and dead links are errors: some 1 minute
	@rm -rf target/docs target/doc
	$(DOCS)/bin/sphinx-build --quiet --fail-on-warning --keep-going -c docs/site -d target/docs/trees . $(SITE)
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked --quiet --features local-ecr,arrow,wire
	cp -R target/doc $(SITE)/rust
	$(DOCS)/bin/python docs/site/links.py $(SITE)

##@ Housekeeping

format: setup ## rewrite the sources in the house format
	cargo fmt
	$(BIN)/ruff format python tests bench docs examples
	$(BIN)/ruff check --fix python tests bench docs examples

interface: setup build ## write docs/reference/interface.json; refused while a change of the interface has no new line in the changelog
	PYTHONPATH=docs $(BIN)/python docs/interface.py

api: setup build ## write docs/reference/api.md from the docstrings
	$(BIN)/python docs/api.py

notebooks: setup build ## execute the notebooks of docs/examples, and store what they show
	$(BIN)/python docs/notebooks.py

clean: ## remove everything that these targets made
	rm -rf $(VENV) target layercheck-demo bench/.cache python/layercheck/_core*.so
