PYTHON ?= python3
BIN := .venv/bin

COUNT := 300
SEED := 0
CORES := 1 2
PART := 1/1

# The public suite of the array API standard, and the commit of it that the counts in docs/array-api.md are of.
ARRAY_API_TESTS ?= build/array-api-tests
SUITE := https://github.com/data-apis/array-api-tests
SUITE_COMMIT := 6c0b59f9ecd654f0c356614f2e421c9993f676d2
EXAMPLES := 20

.PHONY: help bench setup test slow oracles opinfo mutations array-api reference docs lint format types ci clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

setup: .venv/.installed  ## make .venv with everything that the tests need

.venv/.installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -e ".[all]"
	@touch $@

.venv/.documented: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -e ".[docs]"
	@touch $@

test: setup  ## run the tests and the doctests
	$(BIN)/pytest -q -n 2

slow: setup  ## run only the tests marked slow
	$(BIN)/pytest -q -n 2 -m slow

oracles: setup  ## compare random programs with JAX in 64 bit: COUNT=10000 for more, SEED=300 for others
	$(BIN)/pip install -q -e ".[oracles]"
	cd tests && PYTHONPATH=.. ../$(BIN)/python -m oracles --count $(COUNT) --seed $(SEED)

opinfo: setup  ## compare with PyTorch on the samples of its OpInfo
	$(BIN)/pip install -q -e ".[opinfo]"
	$(BIN)/pytest -q -n 2 -m slow tests/test_ops_opinfo.py

mutations: setup  ## plant faults in every rule and count those that gradcheck catches: PART=2/8 for the second eighth
	cd tests && PYTHONPATH=.. ../$(BIN)/python -m mutations --part $(PART)

array-api: setup build/array-api-tests  ## run the array API standard's suite: EXAMPLES=200 for more, ARRAY_API_TESTS=DIR for a checkout of yours
	$(BIN)/pip install -q -r $(ARRAY_API_TESTS)/requirements.txt
	cd $(abspath $(ARRAY_API_TESTS)) && PYTHONPATH=$(CURDIR) ARRAY_API_TESTS_MODULE=tinygrad_nn.array_api \
	  $(abspath $(BIN))/python -m pytest -q -p no:cacheprovider \
	  --max-examples=$(EXAMPLES) --disable-deadline --xfails-file=$(CURDIR)/tests/array_api_exceptions.txt array_api_tests

build/array-api-tests:
	@if [ "$(ARRAY_API_TESTS)" = $@ ]; then \
	  git init -q $@ && git -C $@ fetch -q --depth 1 $(SUITE) $(SUITE_COMMIT) && git -C $@ checkout -q FETCH_HEAD && \
	  git -C $@ submodule update -q --init --depth 1 || { rm -rf $@; exit 1; }; fi

bench: setup  ## time the engine beside NumPy, PyTorch, JAX and others; write the tables of docs/performance.md
	$(BIN)/pip install -q -e ".[bench]"
	$(BIN)/python -m benchmarks --cores $(CORES) --page docs/performance.md --plot docs/images/benchmarks.svg

reference: setup  ## write docs/reference/ops.md anew from the registry, and the tables and the picture of docs/design.md
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_design.py

docs: .venv/.documented  ## build the documentation into docs/_build/html: every code cell is run, and a warning is an error
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

lint: setup  ## check style, likely bugs and the format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: setup  ## format and mend what can be mended by itself
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: setup  ## check the types
	$(BIN)/mypy tinygrad_nn

ci:  ## run what the continuous integration runs, on a clean clone of HEAD
	.ci/run

clean:  ## remove caches and build output, keep .venv
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis docs/_build
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +
