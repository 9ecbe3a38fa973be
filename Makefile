# Everything sets itself up in .venv on first use.

PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,$(shell $(p) -c 'import sys; (3, 11) <= sys.version_info < (3, 15) and print(sys.executable)' 2>/dev/null)))
BIN := .venv/bin

.PHONY: demo test long python-3.14 mutants peers portable browser browser-site browser-paper bench-engine bench-collect bench-grading bench-scale bench-report bench-similar soak lab build dist site paper pictures clean

demo: .venv/ready
	$(BIN)/python -m sample_class build/sample_class
	$(BIN)/mugrade grade build/sample_class --out build/sample_class/grades --seconds 3 --accept-weak-sandbox
	@echo
	@echo "next: look at a page    build/sample_class/grades/feedback/carl/03_logsumexp.html"
	@echo "      do the course     make lab"
	@echo "      grade your class  docs/teacher.md: $(BIN)/mugrade grade FOLDER"

test: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/mugrade build --check
	$(BIN)/pytest -n 2 --dist worksteal

# What `make test` shows of a few stages, of all of them: nbgrader's round, every sandbox, another
# processor; two epochs of MNIST; and environments of their own, as Colab, a hub and a container are.
long: .venv/ready
	$(BIN)/pytest -n 2 -m long

# What pip would install for it, and for other systems; asks the package index.
python-3.14: .venv/ready
	$(BIN)/pytest tests/resolves.py

mutants: .venv/ready
	$(BIN)/python -m tests.mutants

portable: .venv/ready
	$(BIN)/python -m tests.portable

browser: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[browser]'
	$(BIN)/pytest -s tests/browser/first_hour.py tests/browser/norms.py tests/browser/glance.py

bench-grading: .venv/ready build/bench/ready
	$(BIN)/python -m bench.grading

bench-collect: .venv/ready
	$(BIN)/python -m bench.collect

bench-scale: .venv/ready
	$(BIN)/python -m bench.scale

bench-report: .venv/ready
	$(BIN)/python -m bench.glance

bench-similar: .venv/ready
	$(BIN)/python -m bench.similar

bench-engine: build/engine/ready
	build/engine/bin/python -m bench.engine

# needle against PyTorch, not only against what is written down of it
peers: build/engine/ready
	build/engine/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	build/engine/bin/python -m pytest tests/test_against_peers.py

soak: .venv/ready
	$(BIN)/python -m bench.soak

lab: .venv/ready
	$(BIN)/mugrade lab notebooks

build: .venv/ready
	$(BIN)/mugrade build

# The notebooks that students get are those of the scripts, with nobody's answers in them, and run.
dist: .venv/ready
	$(BIN)/mugrade build --check --play
	$(BIN)/python -m hatchling build -d build/dist

# The course as a book, in build/site; what has not changed is kept from the last time.
site: build/site-env/ready
	build/site-env/bin/python -m book

# The same as one PDF, which the site's front page then offers; needs a Chromium.
paper: build/site-env/ready
	build/site-env/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[paper]'
	build/site-env/bin/python -m book --paper

# What README and docs/ show: a student is played in JupyterLab, scripts draw, and the site takes both.
pictures: .venv/ready build/site-env/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[browser]'
	$(BIN)/pytest tests/browser/norms.py
	$(BIN)/python -m tests.browser.pictures
	build/site-env/bin/python -m book --pictures

browser-site: .venv/ready site
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[browser]'
	$(BIN)/pytest -s tests/browser/site.py tests/browser/figures.py

browser-paper: .venv/ready paper
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[browser]'
	$(BIN)/pytest tests/browser/paper.py

clean:
	rm -rf .venv build

build/bench/ready: pyproject.toml
	$(PYTHON) -m venv build/bench
	build/bench/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

build/site-env/ready: pyproject.toml
	$(PYTHON) -m venv build/site-env
	build/site-env/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[site]'
	@touch $@

# PyTorch's own index has a build without CUDA; where it cannot be reached, the other one will do.
build/engine/ready: pyproject.toml
	$(PYTHON) -m venv build/engine
	-build/engine/bin/python -m pip install --quiet --disable-pip-version-check --retries 0 --index-url https://download.pytorch.org/whl/cpu torch==2.13.0
	build/engine/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[engine]'
	@touch $@

# What an older mugrade left there would be taken for the version that is installed.
.venv/ready: pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python 3.11, 3.12, 3.13 or 3.14 found: install one, or say make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv
	@rm -rf mugrade.egg-info
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@
