# Everything a fresh clone needs: `make demo`, `make test`. Python 3.11, git and make suffice.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PRODUCT := $(VENV)/.product
STAMP := $(VENV)/.installed

.PHONY: demo test torture bench lint types check fixtures images model clean help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

# The demo needs no test tools, so that a newcomer waits for no more than the product.
$(PRODUCT): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $(PRODUCT)

$(STAMP): $(PRODUCT)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(STAMP)

demo: $(PRODUCT)  ## transcribe and judge the sample calls, end with a scorecard
	cd fixtures && ../$(BIN)/speechqa run audio --metadata metadata.csv --store ../speechqa-store
	$(BIN)/speechqa scorecard --store speechqa-store

test: $(STAMP) lint types  ## style, types, import floors and all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

fixtures: $(STAMP)  ## render the sample calls again (needs espeak-ng and flite)
	$(BIN)/python -m speechqa.render

images: $(STAMP)  ## draw the documentation's pictures from the demo's store
	$(BIN)/python docs/images.py speechqa-store

torture: $(STAMP)  ## the reliability rows at full size, with figures; goes on where it stopped
	$(BIN)/python -m tests.torture --page docs/reliability.md --json docs/torture.json $(TORTURE)

bench: $(STAMP)  ## the table of speed ratios, with its drawing (an hour on two cores)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m benchmarks.ratios --plot docs/images/ratios.svg $(BENCH)

model: $(STAMP)  ## make the small model again: speech, training, export (hours on a CPU)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[train,render]'
	$(BIN)/python -m models.recipe.make build/model

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(STAMP)
	$(BIN)/mypy

clean:  ## remove what make and the tests made
	rm -rf $(VENV) speechqa-store speechqa-report .pytest_cache .mypy_cache .ruff_cache
