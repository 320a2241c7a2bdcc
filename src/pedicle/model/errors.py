"""What pedicle says when it cannot go on: one line with code, place, finding, limit and fix.

Codes 1 to 60 are the rows of docs/reference/input-rules.md; 100 and up are listed in docs/reference/errors.md.
"""

from __future__ import annotations


class PedicleError(Exception):
    """A failure with a number, a place and a way out.

    Parameters
    ----------
    code : int
        Row of the published table, printed as ``E006``.
    where : str
        File, series or level: what the finding is about. Never patient text.
    found : str
        What was found, with its value and unit.
    limit : str
        The rule or limit it broke.
    fix : str
        What the user can do about it.

    >>> print(InputError(6, "series 1.2.3", "gap of 4.0 mm at z = 12.0 mm", "one step of 2.0 mm", "export all slices"))
    E006 series 1.2.3: gap of 4.0 mm at z = 12.0 mm (one step of 2.0 mm). Fix: export all slices
    """

    exit_code = 1

    def __init__(self, code: int, where: str, found: str, limit: str, fix: str) -> None:
        super().__init__(code, where, found, limit, fix)
        self.code = code
        self.where = where
        self.found = found
        self.limit = limit
        self.fix = fix

    def __str__(self) -> str:
        line = f"E{self.code:03d} {self.where}: {self.found} ({self.limit}). Fix: {self.fix}"
        return " ".join("".join(c if c.isprintable() else "?" for c in line).split())


class InputError(PedicleError):
    """The input is bad or not understood."""

    exit_code = 2


class RefusedError(PedicleError):
    """The request is understood and refused as unsafe."""

    exit_code = 3


class EnvironmentFault(PedicleError):
    """The machine cannot do it: disk, memory, missing codec."""

    exit_code = 4


class NumericalError(PedicleError):
    """A computation did not converge or broke its balance."""

    exit_code = 5


class BusyError(PedicleError):
    """Another run holds the case."""

    exit_code = 6
