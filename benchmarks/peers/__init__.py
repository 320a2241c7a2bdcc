"""Scripts that run in the peers' own environment (`make peers`); most answer one line for one line."""
