"""Measured comparisons. `python -m benchmarks.NAME [--quick] [--json]` prints a table; see docs/validation."""
