"""Measured comparisons. `python -m benchmarks.NAME [--quick] [--json]` prints a table; see docs/validation."""

import os

# As the command line does, before numpy loads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
