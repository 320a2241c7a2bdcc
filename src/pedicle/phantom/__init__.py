"""A spine nobody owns: parametric anatomy to a synthetic CT with known truth."""
