"""The references a case used, from BibTeX to one plain line each; addresses are text, never links."""

from __future__ import annotations

import re
from unicodedata import normalize

from pedicle.model.sourced import references

_FIELD = re.compile(r"(\w+)\s*=\s*(?:\{((?:[^{}]|\{[^{}]*\})*)\}|\"([^\"]*)\"|(\d+))")


def cited(keys: tuple[str, ...]) -> list[tuple[str, str]]:
    """(key, line) for each key, in alphabetical order; a key without an entry says so."""
    known = references()
    return [(key, line_of(known[key]) if key in known else "no entry in references.bib") for key in sorted(set(keys))]


def line_of(entry: str) -> str:
    """One BibTeX entry as a line.

    >>> line_of("@article{A, author = {B, C and D, E}, title = {{F} G}, journal = {H}, year = {2001}, doi = {10.1/x}}")
    'B, C; D, E. F G. H. 2001. doi 10.1/x'
    """
    fields = {name.lower(): plain(a or b or c) for name, a, b, c in _FIELD.findall(entry)}
    places = ("journal", "booktitle", "publisher", "howpublished")
    place = next((fields[name] for name in places if name in fields), "")
    where = ":".join(fields[name] for name in ("volume", "pages") if name in fields)
    author = fields.get("author", "")
    # Double braces mark one body with "and" in its name.
    if not re.search(r"author\s*=\s*\{\{", entry):
        author = author.replace(" and ", "; ").replace("; others", " and others")
    doi = fields.get("doi", "")
    parts = [author, fields.get("title", ""), place, fields.get("year", ""), where]
    text = ". ".join(part.rstrip(".") for part in parts if part)
    tail = f"doi {doi}" if doi else fields.get("url", "")
    return f"{text}. {tail}".strip() if tail else f"{text}."


_ACCENTS = {'"': "\u0308", "'": "\u0301", "`": "\u0300", "^": "\u0302", "~": "\u0303"}


def plain(text: str) -> str:
    """BibTeX text as a person reads it: accents, dashes, no braces, no address scheme.

    >>> plain('M{\\\\"o}ller, pages 1--9, map\\\\_x')
    'Möller, pages 1–9, map_x'
    """
    text = text.replace("{", "").replace("}", "").replace("--", "–")
    text = re.sub(r"\\([\"'`^~])(\w)", lambda found: normalize("NFC", found[2] + _ACCENTS[found[1]]), text)
    text = re.sub(r"\\([_&%#$])", r"\1", text)
    return " ".join(re.sub(r"https?://(?:doi\.org/)?", "", text).split())
