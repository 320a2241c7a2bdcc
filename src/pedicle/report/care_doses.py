"""Tables of doses: sedation and local anaesthetic, with marks of evidence; none where a fact is missing."""

from __future__ import annotations

from math import floor

from pedicle.model.care import CarePlan, DrugPlan
from pedicle.model.sourced import Quantity, Statement
from pedicle.report.hardening import minutes
from pedicle.report.tables import Table
from pedicle.report.words import figure, measure, with_unit

DAGGER = "†"
# A prefix that cannot be read as another.
UNIT_WORDS = {"ug": "micrograms"}


def cited(said: Statement) -> str:
    """A sentence with its source; a dagger where it is not verified."""
    return f"{said.text} [{said.source}]{'' if said.verified else ' ' + DAGGER}"


def marked(row: Quantity) -> str:
    """A number with its unit and source; a dagger where it is not verified."""
    return f"{with_unit(f'{row.value:g}', UNIT_WORDS.get(row.unit, row.unit))} [{row.source}]{'' if row.verified else ' ' + DAGGER}"


def dagger(evidence: str) -> str:
    """A dagger for what is not verified, else nothing."""
    return "" if evidence != "unverified" else f" {DAGGER}"


def sedation_tables(plan: CarePlan) -> tuple[Table, ...]:
    """Doses, or why there are none; below them the rows they come from; last what was given."""
    columns = ("Drug", "For", "First dose", "Further doses", "No sooner than", "In all no more than", "Why this")
    doses = Table(
        "Sedation, proposed", columns, tuple(_drug(one) for one in plan.sedation) or (("none", "no sedative chosen"),)
    )
    logged = tuple(
        (minutes(one.t_s), one.drug, _amount(one.amount, one.unit, 3), _amount(one.total, one.unit, 3), "; ".join(one.findings) or "as planned or not in the plan")
        for one in plan.sedation_log
    )  # fmt: skip
    if not any(drug.proposed for drug in plan.sedation):
        return (doses, *([Table("Given", _GIVEN, logged)] if logged else []))
    rows = tuple(
        (f"{drug.drug}, {name.replace('_', ' ')}", marked(row), row.note or "as it stands")
        for drug in plan.sedation
        if drug.proposed
        for name, row in drug.rows.items()
    )
    sources = Table("Rows behind the doses", ("Row", "Value and source", "Note"), rows)
    return (doses, sources, *([Table("Given", _GIVEN, logged)] if logged else []))


_GIVEN = ("Time", "Drug", "Amount", "In all", "Against the plan")


def _drug(drug: DrugPlan) -> tuple[str, ...]:
    if drug.first is None:
        return drug.drug, "; ".join(drug.why)
    over = f" over {drug.over_s:.0f} s" if drug.over_s else ""
    return (
        drug.drug,
        drug.role,
        f"{_amount(drug.first, drug.unit)} {drug.route}{over}",
        _amount(drug.step, drug.unit),
        minutes(drug.interval_s),
        "to effect" if drug.most is None else _amount(drug.most, drug.unit),
        "; ".join(drug.why) or "fixed steps",
    )


def _amount(value: float | None, unit: str, decimals: int = 2) -> str:
    """A dose, cut off and never rounded up."""
    if value is None:
        return "none"
    cut = floor(value * 10**decimals + 1e-6) / 10**decimals
    return with_unit(f"{cut:g}", UNIT_WORDS.get(unit, unit))


def anaesthetic_tables(plan: CarePlan) -> tuple[Table, ...]:
    """The most for each site, or why there is none, and what was given."""
    budget = plan.anaesthetic
    name = f"{budget.drug} {budget.percent:g} %{' with adrenaline' if budget.adrenaline else ''}"
    given = tuple((drug, with_unit(figure(mg, 0), "mg")) for drug, mg in budget.given_mg.items())
    used = (
        (
            "Share of the limit used",
            "not known" if budget.used_fraction is None else f"{100 * budget.used_fraction:.0f} %",
        ),
    )
    tables = [Table("Local anaesthetic given", ("Drug", "Amount"), given + used)] if given else []
    if budget.limit_mg is None:
        return (
            Table(f"Local anaesthetic, {name}", ("Site", "At most"), (("all sites", "; ".join(budget.why)),)),
            *tables,
        )
    sites = tuple(
        (
            f"{site.level} {site.side}",
            _amount(site.most_ml, "ml"),
            _amount(site.most_mg, "mg", 0),
            measure(site.skin_to_periosteum_mm, "mm", None, "skin not in the scan"),
        )
        for site in budget.sites
    )
    note = f"Limit {figure(budget.limit_mg, 0)} mg for all sites and layers together, bone included: the lower of {marked(budget.per_kg)} and {marked(budget.cap)}."
    columns = ("Site", "Volume at most", "Amount", "Skin to periosteum")
    return (Table(f"Local anaesthetic, {name}", columns, sites, note), *tables)
