"""The house keeps its own rules: layers, sources, docstrings, sizes, light doors."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from pedicle.model import sourced

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "pedicle"
MODULES = sorted(SOURCE.rglob("*.py"))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(node: ast.AST) -> int:
    return (node.end_lineno or 0) - node.lineno + 1  # type: ignore[attr-defined]


def test_no_module_is_longer_than_one_sitting():
    long = {str(p.relative_to(ROOT)): n for p in MODULES if (n := p.read_text().count("\n")) > 500}
    assert not long


def test_half_of_the_functions_fit_in_twelve_lines():
    assert statistics.median(length(f) for path in MODULES for f in functions(path)) <= 12


def test_pedicle_is_not_imported_from_inside():
    pattern = re.compile(r"^\s*(import pedicle\s*$|from pedicle import )", re.MULTILINE)
    guilty = [p.name for p in MODULES if p.parent != SOURCE and pattern.search(p.read_text())]
    allowed = {"commands.py"}  # the door may ask for the procedure as a whole
    assert set(guilty) <= allowed


def test_data_is_opened_in_one_place():
    guilty = [p.name for p in MODULES if "importlib.resources" in p.read_text() and p.name != "sourced.py"]
    assert set(guilty) <= {"render.py", "write.py", "page.py"}  # the report's own templates


def test_kernels_use_the_one_compiler_setting():
    for path in (SOURCE / "kernels").glob("*.py"):
        text = path.read_text()
        assert "fastmath" not in text.replace("No fastmath", ""), path.name
        if path.name != "jit.py":
            assert "import numba" not in text, path.name


def rows(found: object) -> list[dict[str, object]]:
    """All sourced numbers in a parsed data file."""
    if isinstance(found, dict):
        own = [found] if "value" in found and "unit" in found else []
        return own + [row for value in found.values() for row in rows(value)]
    if isinstance(found, list):
        return [row for value in found for row in rows(value)]
    return []


UNITS = {
    "1", "mm", "mm2", "mm3", "ml", "deg", "HU", "HU/(mg/cm3)", "mg/cm3", "(mg/cm3)/HU", "percent", "kV", "s", "Pa", "MPa",
    "N", "1/s", "degC", "years", "kg", "mg", "mg/kg", "1/mm", "mm/year", "g/cm3", "mm2/mm2", "count", "days", "weeks", "ng", "keV",
    "cm2/g", "GiB", "bytes", "MB",
    "m2", "Pa s", "Gy cm2", "nGy", "uSv", "uSv/min", "min", "mAs",
    "Pa s^n", "kJ/mol", "kJ/kg", "kJ/(kg K)", "W/(m K)", "W/(m2 K)", "MJ/(m3 K)", "mm3/MPa", "mm3/s", "kPa", "g",
    "ug", "h", "1e9/l", "ml/kg", "ml/kg/h", "points", "l/min", "in", "kg/in",
}  # fmt: skip


@pytest.mark.parametrize("name", sourced.table_names())
def test_every_number_has_unit_source_and_evidence(name: str):
    table = sourced.table(name)
    known = sourced.references()
    for row in rows(table):
        where = f"{name}: {row}"
        assert row["unit"] in UNITS, where
        assert row.get("evidence") in sourced.EVIDENCE, where
        keys = [key.strip() for key in str(row.get("source", "")).split(";") if key.strip()]
        assert keys, where
        assert set(keys) <= set(known), where


def test_help_is_light():
    """`--help` and `import pedicle` load neither numpy nor numba nor scipy."""
    code = (
        "import sys; from pedicle.app.cli import app; import pedicle; "
        "print([m for m in ('numpy', 'numba', 'scipy', 'pydicom', 'matplotlib') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_repository_speaks_of_the_software_alone():
    words = ("/work/", "helper-", "shared/reference", "this session", "issue 2")
    files = [p for p in ROOT.rglob("*") if p.suffix in {".py", ".md", ".toml", ".html"} and ".venv" not in p.parts]
    guilty = [
        (p.name, w) for p in files for w in words if p.name != "test_house.py" and w in p.read_text(errors="replace")
    ]
    assert not guilty


def test_pages_written_from_the_code_are_up_to_date():
    found = subprocess.run([sys.executable, "docs/build.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


def test_links_between_pages_lead_somewhere():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    dead = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert not dead
