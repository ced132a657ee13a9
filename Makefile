# make app    sets everything up and opens the app
# make test   sets everything up and runs every check
# make fuzz   gives hostile files by the thousand to everything that reads files (KINDS="joints labels": to some)
# make gpu    sets everything up and checks this machine's GPU against its processor; says so where there is none
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export DENO_NO_UPDATE_CHECK := 1

.PHONY: app test check setup browser bench fuzz gpu lock clean

app: setup
	$(BIN)/python -m streamlit run app.py

test: check browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --durations=10 -m "browser or slow"

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/deno fmt --check --quiet
	$(BIN)/deno lint --quiet
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --durations=10 -m "not browser and not slow"

setup: .venv/installed

.venv/installed: requirements.lock
	$(PYTHON) -c "import sys; sys.exit(0 if sys.version_info >= (3, 11) else 'actrec needs Python 3.11 or newer; this is ' + sys.version + '; try: make PYTHON=python3.12')"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "uv>=0.8"
	$(BIN)/python -m uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.lock
	touch $@

# The browser tests take the Chromium on the PATH; without one, Playwright fetches its own.
browser: setup
	command -v chromium || command -v chromium-browser || command -v google-chrome || $(BIN)/python -m playwright install chromium

bench: setup
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

# 10 000 hostile videos and some thousand other files; SEED=, SHARE= (0.1: a tenth of them). Writes the table in docs/reliability.md.
fuzz: setup
	PYTHONPATH=.:tests $(BIN)/python -m fuzz $(KINDS) $(if $(SEED),--seed $(SEED)) $(if $(SHARE),--share $(SHARE))

gpu: setup
	$(BIN)/python -m benchmarks.gpu

lock: setup
	$(BIN)/python -m uv pip compile --universal --python-version 3.11 --quiet requirements.txt requirements-dev.txt -o requirements.lock

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
