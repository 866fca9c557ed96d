# What a fresh machine needs is Python 3.11+, a JDK 17 and make; the rest is installed here.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
JAR := src/iomete/jars/iomete-spark-4.1_2.13-0.1.0.jar
JVM_SOURCES := $(shell find jvm -path jvm/target -prune -o -type f -print)
SOURCES := src tests benchmarks examples

export UV_PROJECT_ENVIRONMENT := $(VENV)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-units check lint format bench fuzz notebooks wheel docs clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.synced $(JAR)  ## install everything into .venv and build the Spark module

demo: setup  ## run the main job: a lakehouse of real flights
	$(BIN)/iomete demo

# Each has a Spark of its own, and so a gigabyte or two, and most of a core.
WORKERS ?= 2
# Half of what a Spark of tests does is to compile itself, for a speed that it is too short-lived for.
# With one compiler Java keeps 48 MB for what is compiled, which Spark fills: then it is slow, or ends.
QUICK_JAVA := JDK_JAVA_OPTIONS="$(JDK_JAVA_OPTIONS) -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist loadfile
test: test-units setup  ## every test: JVM, unit, contract, Spark, notebooks, attacks
	$(QUICK_JAVA) jvm/mvnw -q -f jvm/pom.xml verify
	$(BIN)/iomete prepare  # after the jar was packed for the last time: a class archive fits one jar
	$(QUICK_JAVA) $(PYTEST) tests/contract
	$(QUICK_JAVA) $(PYTEST) tests/spark tests/notebooks tests/redteam

test-fast: test-units setup  ## the tests that start no Spark
	$(PYTEST) tests/contract

check: lint test-units  ## format, lint, types, layers, unit tests, docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir build/site

lint: setup
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

# Of its own, so that `make check test` runs it once.
test-units: setup
	$(PYTEST) -q tests/unit

format: setup  ## format and fix what can be fixed
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: setup  ## measure, side by side with the bare engine
	$(BIN)/python benchmarks/run.py

FUZZ_EXAMPLES ?= 5000
FUZZ_MINUTES ?= 120
fuzz: export FUZZ_EXAMPLES := $(FUZZ_EXAMPLES)
fuzz: export FUZZ_MINUTES := $(FUZZ_MINUTES)
fuzz: setup  ## generated policies in both engines, generated queries on governed tables and copies, generated statements (FUZZ_MINUTES=120 each)
	$(BIN)/pytest -q tests/contract/evaluator
	$(BIN)/pytest -q -s tests/fuzz/fuzz_equivalence.py
	$(BIN)/pytest -q -s tests/fuzz/fuzz_statements.py

notebooks: setup  ## execute the notebooks
	$(BIN)/pytest -q tests/notebooks

wheel: setup  ## build the wheel into dist/
	$(BIN)/uv build --wheel --quiet --out-dir dist

docs: setup  ## serve the documentation on loopback
	$(BIN)/mkdocs serve

clean:  ## remove what was built, and the environment
	rm -rf $(VENV) build dist site jvm/target src/iomete/jars/*.jar

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11) or sys.version_info[:2] > (3, 13))' \
	  || { echo "Error: $(PYTHON) is $$($(PYTHON) --version 2>&1); iomete runs on Python 3.11 to 3.13."; \
	       echo "Hint: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "Hint: sudo apt-get install -y python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.synced: pyproject.toml uv.lock | $(BIN)/uv
	$(BIN)/uv sync --quiet --locked
	@touch $@

# Maven judges what has to be compiled again; make judges whether to ask it
$(JAR): $(JVM_SOURCES)
	@sh jvm/check-java.sh
	jvm/mvnw -q -f jvm/pom.xml package
	@touch $@
