"""Numbers that the report prints come from a data row or from the case: none stands in the code, but for what defines a quantity."""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from pathlib import Path

ROOMS = ("report", "care", "curing", "mechanics", "operation", "procedure")
NUMBER = re.compile(r"(?<![\w#.\-])\d+(\.\d+)?(?![\w])")
# Words, and why the number in them is no finding of anybody.
DEFINITIONS = {
    "60 or older, or frail": "the name of a row of doses",
    "healthy adult below 60": "the name of a row of doses",
    "0 to 2 of": "the points of a published score",
    "of 10": "the scale of pain",
    "at the end and 2 h later": "when scores are asked, words of its row",
    "90 % of its strength": "what is asked of cement after an hour",
    "to 2 percent": "where a push ends",
    "at 0.2 percent": "the screen's definition",
    "at 0.2 %": "the screen's definition",
    "0 for none": "how an option is written",
    "chapter 10": "a place in a source",
    "solids 9 h": "facts of the invented patient",
    "under 6 weeks": "the group a trial took in, as its row says",
    "Dotted ring: 95 %": "a level of probability",
    "minutes at 43 °C": "the unit of thermal dose",
    "Damage over 1": "the unit of the damage integral",
    "Above 50 °C": "the column's definition",
    "after 1 h": "the column's definition",
    "after 24 h": "the column's definition",
    "95 % of": "a level of probability",
    "at 1 kN": "the column's definition",
    "0 of 0 seen": "no leak",
    "(1 SD)": "a level of probability",
    "(1 SD): from": "a level of probability",
    "Heights at 12, 50 and 88 %": "where heights are measured, by definition",
    "Over 20 %": "bounds of a grade as probabilities are asked for",
    "Over 25 %": "bounds of a grade as probabilities are asked for",
    "over 2 mm": "a column's definition",
    "2 %}": "a template's test",
    " (95": "a level of probability",
    "x 10^9/l": "a unit",
}


def visible(path: Path):
    """String constants with a number and a space that are no docstrings and no formats, with their lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            hidden |= {id(part) for part in ast.walk(node.format_spec)}
        # What is asked of bad input belongs to the check beside it.
        if isinstance(node, ast.Raise):
            hidden |= {id(part) for part in ast.walk(node)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if id(node) not in hidden and " " in text and NUMBER.search(text):
            yield node.lineno, text


def drawn(text: str) -> bool:
    """A path or a box of an SVG."""
    return len(re.findall(r"[MCLVHZ]\d", text)) > 1 or text == "0 0 "


def test_no_sentence_of_the_report_holds_a_number_of_its_own():
    root = Path(str(files("pedicle")))
    found, strange = 0, []
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            for line, text in visible(path):
                if drawn(text):
                    continue
                found += 1
                if not any(words in text for words in DEFINITIONS):
                    strange.append(f"{room}/{path.name}:{line}: {text!r}")
    assert found > 20
    assert not strange, "\n".join(strange)


def test_no_template_holds_a_number_of_its_own():
    root = Path(str(files("pedicle"))) / "report" / "templates"
    strange = []
    for path in sorted(root.glob("*.html")):
        for text in re.findall(r">([^<>{}]*\d[^<>{}]*)<", path.read_text(encoding="utf-8")):
            plain = re.sub(r"&#\d+;", "", text)
            if NUMBER.search(plain) and not any(words in plain for words in (*DEFINITIONS, "--runs 100")):
                strange.append(f"{path.name}: {plain.strip()!r}")
    assert not strange, "\n".join(strange)
