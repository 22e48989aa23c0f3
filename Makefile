# The two commands that a newcomer needs are `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8080

.PHONY: demo test check bench reliability screenshots lock clean

demo: $(VENV)/.demo
	@$(BIN)/dialkey demo --port $(PORT) $(DEMO_OPTIONS)

test: $(VENV)/.dev
	@tools/prepare-tests
	$(BIN)/ruff check .
	$(BIN)/lint-imports --cache-dir .import_linter_cache
	@# What failed beside another test is tried once more alone: some measure time. A fault that stays is a failure.
	$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_OPTIONS) \
	  || { [ $$? = 1 ] && $(BIN)/python -m pytest --last-failed --last-failed-no-failures none $(PYTEST_OPTIONS); }

bench: $(VENV)/.dev
	@tools/prepare-tests bench
	$(BIN)/python bench/run.py $(BENCH_OPTIONS)

reliability: $(VENV)/.dev
	@tools/prepare-tests
	$(BIN)/python bench/r1_single_use.py $(BENCH_OPTIONS)
	$(BIN)/python bench/r2_refresh_families.py $(BENCH_OPTIONS)
	$(BIN)/python bench/r3_crash.py $(BENCH_OPTIONS)

screenshots: $(VENV)/.dev
	@tools/prepare-tests
	$(BIN)/python tools/screenshots.py

# A venv with the locked packages; the project itself is linked, so that an edit needs no install.
$(VENV)/.demo: requirements.lock pyproject.toml
	@tools/make-venv $(PYTHON) $(VENV) requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml
	@tools/make-venv $(PYTHON) $(VENV) requirements-dev.lock
	@touch $@ $(VENV)/.demo

lock:
	@tools/lock $(PYTHON)

clean:
	rm -rf $(VENV) var build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
