"""Scripts that run in the peers' own environment (`make peers`); each answers one line for one line."""
