# Every target sets itself up: a machine with Python 3.11+, venv and make is enough.
#   make demo          the example pipeline, end to end, into ./data   (TORCH=0: without PyTorch)
#   make test          the tests                                      (ARGS="-k cache": some of them)
#   make test-oldest   the tests of Dagster on the oldest supported one    (ARGS="-k shapes": some of them)
#   make check         ruff, mypy, and pyright on what users write
#   make soak          the proofs of reliability in full, hours; rows of docs/reliability.md     (ARGS="-k kills": some of them)
#   make bench         the benchmarks into docs/benchmarks.md     (ARGS="--quick --only bulk": some, kept nowhere)
#   make ui            the Dagster UI on the example project
#   make pictures      the picture of a terminal in README.md
#   make docs          the pages as a site, into ./site, strictly
#   make dist          wheel and sdist into ./dist, checked
#   make test-wheel    the tests over that wheel, with the source out of sight
#   make audit         what is known against our dependencies, their licences, and a list of all (sbom.json)
PYTHON ?= python3
TORCH ?= 1
ARGS ?=
BIN := .venv/bin
# Built from a pinned version, so that no later one brings gigabytes of GPU libraries.
TORCH_PACKAGE := $(if $(filter 0,$(TORCH)),,torch)

# The installed packages are compiled when they are first imported (.ci/setup): what is never kept is compiled again by
# each of the processes that the tests start, which takes them longer than what they do.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-oldest check pictures bench soak ui docs dist test-wheel audit clean

demo: .venv/demo-$(TORCH)
	AUTOSTORE_EXAMPLE_TORCH=$(TORCH) $(BIN)/python -m example_project

ui: .venv/demo-$(TORCH)
	mkdir -p .dagster_home
	test -e .dagster_home/dagster.yaml || printf 'telemetry:\n  enabled: false\n' > .dagster_home/dagster.yaml
	AUTOSTORE_EXAMPLE_TORCH=$(TORCH) DAGSTER_HOME=$(CURDIR)/.dagster_home $(BIN)/dagster dev

test: .venv/dev
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

test-oldest: .venv-oldest/done
	.venv-oldest/bin/python -m pytest -n 2 --dist worksteal tests/dagster $(addprefix --ignore=tests/dagster/test_,browser.py celery.py components.py dask.py speed.py) $(ARGS)

soak: .venv/dev
	rm -f .soak.jsonl
	AUTOSTORE_SOAK=1 AUTOSTORE_RESULTS=$(CURDIR)/.soak.jsonl \
	  $(BIN)/python -m pytest -n 2 --dist worksteal tests/reliability tests/security tests/store tests/history tests/layers tests/s3/test_history_budget.py tests/handlers/test_truth.py tests/handlers/test_passing.py tests/formats/test_values.py tests/memo/test_keys.py tests/plugins/test_hostile_plugins.py tests/dagster/test_dask.py $(ARGS)
	$(BIN)/python -m tests.reliability.report .soak.jsonl docs/reliability.md

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/basedpyright --pythonpath $(BIN)/python

pictures: .venv/dev
	$(BIN)/python -m tests.cli.pictures docs/images/cli.svg

docs: .venv-release/done
	NO_MKDOCS_2_WARNING=1 .venv-release/bin/python -m mkdocs build --strict

# Twice, as what is published must follow from the commit alone.
dist: .venv-release/done
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) .venv-release/bin/python -m build --no-isolation --outdir dist/again >/dev/null
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) .venv-release/bin/python -m build --no-isolation >/dev/null
	for file in dist/again/*; do cmp $$file dist/$$(basename $$file); done
	rm -r dist/again
	.venv-release/bin/twine check --strict dist/*
	.venv-release/bin/check-wheel-contents dist/*.whl

test-wheel: .venv/dev dist
	.ci/test-wheel $(ARGS)

# The metadata of skops names no licence; its LICENSE is that of MIT.
audit: .venv/dev .venv-release/done
	.venv-release/bin/pip-licenses --python $(BIN)/python --order=license --fail-on="GPL;AGPL;LGPL;UNKNOWN" --partial-match --ignore-packages skops --summary
	.venv-release/bin/cyclonedx-py environment --pyproject pyproject.toml --output-file sbom.json $(BIN)/python
	.venv-release/bin/pip-audit --path $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

bench: .venv-bench/done
	.venv-bench/bin/python -m benchmarks $(ARGS)

# Dagster's first supported release with what it was released for; the rest is as pinned.
.venv-oldest/done: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-oldest
	echo '*' > .venv-oldest/.gitignore
	grep -viE '^(dagster|pydantic|sqlalchemy|alembic|protobuf|grpcio|gql|graph|universal|torch)|^#' constraints.txt > .venv-oldest/constraints.txt
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check -c .venv-oldest/constraints.txt \
	  -e '.[s3,polars,numpy,scipy,images,yaml,pandas,arrow]' dagster==1.13.0 dagster-aws==0.29.0 \
	  hypothesis 'moto[server]' pytest pytest-timeout pytest-xdist
	touch $@

clean:
	rm -rf .venv .venv-bench .venv-oldest .venv-release .wheel .dagster_home data artifacts dist site sbom.json

.venv/demo-$(TORCH): pyproject.toml constraints.txt
	@PYTHON=$(PYTHON) .ci/setup demo $(TORCH_PACKAGE) '[example]'
	@touch $@

.venv/dev: pyproject.toml constraints.txt
	@PYTHON=$(PYTHON) .ci/setup test torch '[dev]'
	@touch $@

# An environment of its own: competitors, and beside it the original library, whose distribution has our name.
.venv-bench/done: pyproject.toml benchmarks/constraints.txt
	$(PYTHON) -m venv .venv-bench
	echo '*' > .venv-bench/.gitignore
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -c benchmarks/constraints.txt -e . \
	  $$(sed 's/==.*//' benchmarks/constraints.txt)
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
	  --target .venv-bench/original autostore==0.1.18
	$(PYTHON) -m venv .venv-bench/aws
	.venv-bench/aws/bin/python -m pip install --quiet --disable-pip-version-check awscli==1.46.3
	touch $@

.venv-release/done: .ci/release.txt
	$(PYTHON) -m venv .venv-release
	.venv-release/bin/python -m pip install --quiet --disable-pip-version-check -r .ci/release.txt
	touch $@
