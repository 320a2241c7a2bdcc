# Two commands on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench coverage docs peers clean

demo: $(VENV)/.ready
	$(BIN)/pedicle demo --out pedicle-demo

test: $(VENV)/.ready
	$(BIN)/pytest -n 2 --dist loadfile

lint: $(VENV)/.ready
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.ready
	$(BIN)/pedicle warm-up
	for name in $$(cd benchmarks && ls *.py | sed 's/\.py//' | grep -v '^_'); do $(BIN)/python -m benchmarks.$$name --quick; done

# Other programs that benchmarks compare with, in an environment of their own, each where it is to be had; plastimatch, OPM Flow, CalculiX
# and what gVirtualXRay draws with are Debian's.
PEERS ?= .venv-peers
SOLVERS := libopm-simulators-bin calculix-ccx
PEER_LIBRARIES := libegl1 libegl-mesa0 libgl1 libxcb-xinerama0 libxcb-keysyms1 libxcb-icccm4 libxcb-ewmh2 libxcb-res0 \
	libxcb-composite0
peers: $(VENV)/.ready
	$(PYTHON) -m venv $(PEERS)
	@while read -r packages; do \
		$(PEERS)/bin/pip install --quiet $$packages || echo "not to be had here: $$packages"; \
	done < benchmarks/peers/packages.txt
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get install --yes --quiet=2 plastimatch $(PEER_LIBRARIES) >/dev/null || echo "not to be had here: plastimatch"; \
		apt-get install --yes --quiet=2 $(SOLVERS) >/dev/null || echo "not to be had here: OPM Flow, CalculiX ($(SOLVERS))"; \
	else echo "As root, on Debian: apt-get install plastimatch $(SOLVERS) $(PEER_LIBRARIES)"; fi
	@PEDICLE_PEERS=$(PEERS) $(BIN)/python -m benchmarks._peer

coverage: $(VENV)/.ready
	$(BIN)/python -m benchmarks.code

docs: $(VENV)/.ready
	$(BIN)/python docs/build.py

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else "Python %d.%d: pedicle needs 3.11, 3.12 or 3.13. Fix: make PYTHON=python3.12" % v)'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python has no venv module. Fix: install it (Debian: apt install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) pedicle-demo build dist
