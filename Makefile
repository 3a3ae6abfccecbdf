# make demo     a shop to search at http://localhost:8000     CATALOGUE=path [IMAGES=path] for your own
#               prints a key for its /admin, a new one each time; VITRINE_ADMIN_KEY=… sets your own
# make test     all tests
# make check    what CI runs: format, lint, types, tests
# make bench    speed, as ratios and rates of one run; bench-gpu the same of what runs on a GPU
# make bench-search   what docs/search.md says of searching

PYTHON ?= $(shell command -v python3.11 || command -v python3)
# An extra package index for torch, such as PyTorch's own of CPU builds; by default none.
TORCH_INDEX ?=
CATALOGUE ?= demo/catalogue.csv
IMAGES ?=
BIN := .venv/bin
# Two processes of one thread each, a file's tests in one of them; small work gains nothing from more threads.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: install demo test check format bench bench-gpu bench-search clean

install: .venv/installed

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -e '.[cpu,dev]'
	touch $@

demo: install
	@test '$(CATALOGUE)' != demo/catalogue.csv -o -e demo/catalogue.csv || $(BIN)/vitrine demo demo
	$(BIN)/vitrine index '$(CATALOGUE)' $(if $(IMAGES),--images '$(IMAGES)')
	@echo 'Search:  http://localhost:8000 (Ctrl-C ends it)'; \
	if [ -z "$$VITRINE_ADMIN_KEY$$VITRINE_ADMIN_KEY_FILE" ]; then \
	    VITRINE_ADMIN_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_hex(16))'); \
	    export VITRINE_ADMIN_KEY; \
	    told="key: $$VITRINE_ADMIN_KEY"; \
	else \
	    told='with the key that you have set'; \
	fi; \
	echo "Admin:   http://localhost:8000/admin ($$told)"; \
	exec $(BIN)/vitrine serve

test: install
	$(PYTEST)

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST)

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install
	$(BIN)/python -m tests.bench

bench-gpu: install
	$(BIN)/python -m tests.bench.gpu $(if $(PHOTOS),--photos '$(PHOTOS)')

bench-search: install
	$(BIN)/python -m tests.bench search

clean:
	rm -rf .venv var demo build dist *.egg-info
