"""The loops: numba on arrays and floats; no nouns, no laws, no files. Decorate with `pedicle.kernels.jit`."""
