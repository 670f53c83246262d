# Everything a person or a machine does with this repository. Needs: a Rust toolchain, a C compiler, Python 3.11, make.

PYTHON ?= python3
VENV   ?= target/venv
CARGO  ?= cargo
# TensorFlow Federated runs on no later one.
PYTHON_TFF ?= python3.11

.PHONY: help demo demo-enclave reproducible page test test-rust test-python test-flower test-tff lint docs fuzz bench instructions clean

help:
	@echo "make demo     the main job on real data: three owners, one analyst, on this machine"
	@echo "make demo-enclave   a joint task inside a machine that proves itself (a software TPM), and what is refused"
	@echo "make page     the page that contributes to a sum, for a service to serve (target/page)"
	@echo "make test     all tests: Rust, end to end over TLS, Python, documents"
	@echo "make test-flower   federated learning with Flower through Privity, in an environment of its own"
	@echo "make test-tff   programs of TensorFlow Federated through Privity, in an environment of its own (Python 3.11, 2.5 GB)"
	@echo "make lint     formatting, clippy, documents, licences"
	@echo "make docs     the book (target/book) and the crates' documents (target/doc)"
	@echo "make fuzz     the fuzz targets for a while each (needs a nightly toolchain)"
	@echo "make bench    the benchmarks"
	@echo "make reproducible   builds the command anew, and compares it with the recorded binary"
	@echo "make instructions   how many instructions the hot kernels execute (needs Valgrind)"

demo:
	$(CARGO) build --release --quiet --package privity-cli
	$${CARGO_TARGET_DIR:-target}/release/privity run examples/diabetes/diabetes.pv --local --data examples/diabetes/DATA.toml --compare --disclose

# The tests of the same flow, telling what they do: data that owners bring, training, modules, and what is refused. Debian's swtpm is
# unpacked below target if it is not there, and pyarrow installed there.
demo-enclave:
	$(CARGO) test --quiet --package privity-cli --test brought --test enclave --test modules -- --nocapture --test-threads 1

# Takes as long as a build without anything that is there.
reproducible:
	deploy/reproducible.sh --check

# Adds the compiler's target for WebAssembly if it is not there.
page:
	$(CARGO) xtask page

test: test-rust test-python

test-rust:
	$(CARGO) test --workspace --exclude privity-python
	$(CARGO) test --manifest-path modules/Cargo.toml

# A fresh environment, so that nothing that was installed by hand can help.
test-python:
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	MATURIN_PEP517_ARGS="--profile dev" $(VENV)/bin/pip install --quiet '.[test]'
	$(VENV)/bin/python -m pytest --quiet python/tests --ignore python/tests/integrations

# An environment of its own: Flower and what its simulation needs are some 600 MB.
test-flower:
	rm -rf $(VENV)-flower
	$(PYTHON) -m venv $(VENV)-flower
	MATURIN_PEP517_ARGS="--profile dev" $(VENV)-flower/bin/pip install --quiet '.[test,flower]'
	$(VENV)-flower/bin/python -m pytest --quiet python/tests/integrations/test_flower.py

# Without dependencies: the package names a jaxlib that is no longer published; the list of requirements has all that it runs on.
test-tff:
	rm -rf $(VENV)-tff
	$(PYTHON_TFF) -m venv $(VENV)-tff
	$(VENV)-tff/bin/pip install --quiet --no-deps -r python/requirements-tff.txt
	MATURIN_PEP517_ARGS="--profile dev" $(VENV)-tff/bin/pip install --quiet --no-deps .
	$(VENV)-tff/bin/python -m pytest --quiet python/tests/integrations/test_tff.py

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) fmt --all --check --manifest-path modules/Cargo.toml
	$(CARGO) clippy --manifest-path modules/Cargo.toml --all-targets -- -D warnings
	$(CARGO) fmt --all --check --manifest-path web/Cargo.toml
	$(CARGO) clippy --manifest-path web/Cargo.toml --target-dir target/web -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --exclude privity-python --no-deps
	$(CARGO) xtask tidy
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny check bans licenses sources; \
	else echo "cargo-deny is not installed: licences were not checked (cargo install cargo-deny --locked)"; fi

docs:
	$(CARGO) doc --workspace --exclude privity-python --no-deps
	@if command -v mdbook >/dev/null; then mdbook build book --dest-dir ../target/book; \
	else echo "mdbook is not installed: the book was not built (cargo install mdbook --locked)"; fi

FUZZ_SECONDS ?= 60
fuzz:
	cd fuzz && for target in $$($(CARGO) +nightly fuzz list); do \
		$(CARGO) +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; done

bench:
	$(CARGO) bench --package privity-algebra --package privity-attest --package privity-bench --package privity-sandbox
	$(CARGO) bench --package privity-schemes --features testing
	$(CARGO) bench --package privity-secagg --bench rounds

# Says so if Valgrind is not there; VALGRIND=path names another than that of the system.
instructions:
	$(CARGO) bench --quiet --package privity-algebra --bench instructions

clean:
	$(CARGO) clean
