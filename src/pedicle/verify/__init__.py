"""Problems with exact answers, run by tests, docs and `pedicle verify`."""
