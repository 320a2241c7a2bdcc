"""The references a case used, from BibTeX to one plain line each; addresses are text, never links."""

from __future__ import annotations

import re

from pedicle.model.sourced import references

_FIELD = re.compile(r"(\w+)\s*=\s*(?:\{((?:[^{}]|\{[^{}]*\})*)\}|\"([^\"]*)\"|(\d+))")


def cited(keys: tuple[str, ...]) -> list[tuple[str, str]]:
    """(key, line) for each key, in alphabetical order; a key without an entry says so."""
    known = references()
    return [(key, line_of(known[key]) if key in known else "no entry in references.bib") for key in sorted(set(keys))]


def line_of(entry: str) -> str:
    """One BibTeX entry as a line.

    >>> line_of("@article{A, author = {B, C}, title = {{D} E}, journal = {F}, year = {2001}, doi = {10.1/x}}")
    'B, C. D E. F. 2001. doi 10.1/x'
    """
    fields = {name.lower(): _plain(a or b or c) for name, a, b, c in _FIELD.findall(entry)}
    place = (
        fields.get("journal") or fields.get("booktitle") or fields.get("publisher") or fields.get("howpublished", "")
    )
    doi = fields.get("doi", "")
    parts = [fields.get("author", ""), fields.get("title", ""), place, fields.get("year", "")]
    text = ". ".join(part.rstrip(".") for part in parts if part)
    tail = f"doi {doi}" if doi else fields.get("url", "")
    return f"{text}. {tail}".strip() if tail else f"{text}."


def _plain(text: str) -> str:
    return " ".join(re.sub(r"https?://(?:doi\.org/)?", "", text.replace("{", "").replace("}", "")).split())
