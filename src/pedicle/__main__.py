"""`python -m pedicle` is the same program as `pedicle`."""

from pedicle.app.cli import main

if __name__ == "__main__":
    main()
