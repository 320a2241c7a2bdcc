"""Cement pushed through a needle into this patient's bone: it fills, leaks where the bone leaks, can be stopped and repeated."""
