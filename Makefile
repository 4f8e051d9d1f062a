.DEFAULT_GOAL := help
.PHONY: run test check fmt clean help sync
PY := .venv/bin/python
export PYTHONUNBUFFERED := 1

run: sync  ## start the whole house: make run ARGS="--port-base 9400 -v"
	@exec env TANDEM_UP_FOLLOW_PARENT=1 .venv/bin/tandem up $(ARGS)

test: sync  ## run the whole test suite: make test ARGS="tests/unit -k router"
	@exec $(PY) -m pytest $(ARGS)

check:  ## everything that must pass before a change is merged
	@.ci/run

fmt: sync  ## put the code into shape
	@$(PY) -m ruff format . && $(PY) -m ruff check --fix .

clean:  ## remove what can be made again; the data in .tandem stays
	@rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*##/\1:/p' Makefile | sort

sync:
	@./bootstrap.sh sync --locked $$([ -d .venv ] && echo --quiet)
