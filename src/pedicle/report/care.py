"""Care on paper: gates, who is treated, the checklist to print, doses, the chart, the letter, the patient's own page."""

from __future__ import annotations

from dataclasses import dataclass

from pedicle.model.acts import BLOCKS
from pedicle.model.care import CarePlan, CheckItem, Gate, SheetPart, Watch
from pedicle.report.care_doses import DAGGER, anaesthetic_tables, cited, dagger, marked, sedation_tables
from pedicle.report.hardening import minutes
from pedicle.report.tables import Table
from pedicle.report.words import figure, sentence, with_unit

DAGGER_WORDS = f"{DAGGER} not verified against a source: check locally. It neither refuses nor clears."
VERDICT_WORDS = {"refused": "Refused", "unanswered": "Unanswered", "warning": "Caution", "passed": "Passed"}
VERDICT_COLOURS = {"refused": "danger", "unanswered": "caution", "warning": "caution", "passed": "note"}


@dataclass(frozen=True)
class GateRow:
    """A gate as a row: its weight in a word and a colour, what was found, the limit with its source."""

    verdict: str
    colour: str
    name: str
    text: str
    limit: str


@dataclass(frozen=True)
class CarePages:
    """What the report shows of care."""

    invented: bool
    purpose: str
    gates: tuple[GateRow, ...]
    indication: str
    asked: tuple[str, ...]
    plainly: tuple[str, ...]
    selection: tuple[Table, ...]
    blocks: tuple[tuple[str, tuple[CheckItem, ...]], ...]
    sedation: tuple[Table, ...]
    sedation_words: tuple[str, ...]
    anaesthetic: tuple[Table, ...]
    anaesthetic_words: tuple[str, ...]
    schedule: Table
    chart: tuple[str, ...]
    crises: tuple[Table, ...]
    home_gates: tuple[GateRow, ...]
    letter: tuple[tuple[str, str], ...]
    letter_lists: tuple[tuple[str, tuple[str, ...]], ...]
    home: tuple[Table, ...]
    sheet: tuple[SheetPart, ...]
    replaced: tuple[str, ...]
    dagger: str = DAGGER_WORDS


def care_sections(plan: CarePlan) -> CarePages:
    """The pages of care as plain text and tables; the template escapes everything."""
    budget, home = plan.anaesthetic, plan.discharge
    return CarePages(
        plan.invented,
        plan.purpose,
        tuple(_gate(gate) for gate in plan.gates),
        plan.selection.indication,
        tuple(cited(one) for one in plan.selection.asked),
        tuple(cited(one) for one in plan.selection.plainly),
        _selection_tables(plan),
        tuple((block, tuple(item for item in plan.checklist if item.block == block)) for block in BLOCKS),
        sedation_tables(plan),
        tuple(f"{drug.drug}: {cited(drug.words)}" for drug in plan.sedation),
        anaesthetic_tables(plan),
        (*(sentence(why) for why in budget.why), *(cited(one) for one in budget.words)),
        Table(
            "What is watched", ("What", "From", "Until", "Every", "How"), tuple(_watch(one) for one in plan.monitoring)
        ),
        _chart_times(plan),
        _crisis_tables(plan),
        tuple(_gate(gate) for gate in home.gates),
        home.letter,
        (
            ("Treatment of the bone", tuple(cited(one) for one in home.osteoporosis)),
            ("Activity", tuple(cited(one) for one in home.activity)),
            ("Come back at once", tuple(cited(one) for one in home.warning_signs)),
        ),
        _home_tables(plan),
        home.sheet,
        tuple(f"{name}: {words}" for name, words in plan.replaced.items()),
    )


def _gate(gate: Gate) -> GateRow:
    mark = "" if gate.evidence != "unverified" else f" {DAGGER}"
    limit = f"{gate.limit} [{gate.source}]{mark}"
    return GateRow(VERDICT_WORDS[gate.verdict], VERDICT_COLOURS[gate.verdict], gate.name, gate.found, limit)


def _selection_tables(plan: CarePlan) -> tuple[Table, ...]:
    found = plan.selection
    met = {"yes": "met", "no": "not met", "not stated": "not stated"}
    criteria = tuple((c.name, c.asked, c.found, met[c.met], c.source + dagger(c.evidence)) for c in found.criteria)
    against = tuple(
        (kind, one.why, cited(one.known))
        for kind, rows in (("absolute", found.absolute), ("relative", found.relative))
        for one in rows
    )
    fits = {True: "yes", False: "no", None: "age not stated"}
    trials = tuple(
        (
            t.name,
            f"{t.patients.value:.0f}",
            t.against,
            "under 6 weeks" if t.acute else "older",
            fits[t.fits],
            cited(t.result),
        )
        for t in found.trials
    )
    risks = tuple((one.name.replace("_", " "), one.why, cited(one.known)) for one in found.risks)
    return (
        Table("Conditions of the indication", ("Condition", "Asked", "Found", "Answer", "Source"), criteria),
        Table(
            "Against it", ("Kind", "Why", "What is known"), against or (("nothing found", "by stated facts and CT"),)
        ),
        Table("Trials", ("Trial", "Patients", "Against", "Fractures", "As old as here", "Result"), trials),
        Table("Risks of this patient", ("Risk", "Why", "What is known"), risks),
    )


def _watch(one: Watch) -> tuple[str, ...]:
    until = (
        one.since
        if one.until_s is None and one.from_s is None
        else minutes(one.until_s)
        if one.until_s is not None
        else "as long as needed"
    )
    begin = one.since if one.from_s is None else minutes(one.from_s)
    every = "" if one.every_s is None else minutes(one.every_s)
    rows = "; ".join(f"{key.replace('_', ' ')} {marked(row)}" for key, row in one.rows.items())
    return (
        f"{one.phase}: {one.name.replace('_', ' ')}",
        begin,
        until,
        every,
        cited(one.words) + (f" ({rows})" if rows else ""),
    )


def _chart_times(plan: CarePlan) -> tuple[str, ...]:
    """Rows of the chart to fill in: times where they are known, else steps from turning."""
    later = [one for one in plan.monitoring if one.phase == "after" and one.name.startswith("vitals") and one.every_s]
    known = [t_s for one in later for t_s in one.at_s]
    if known:
        return tuple(minutes(t_s) for t_s in known)
    times: list[str] = []
    now = 0.0
    for one in later:
        lasts = next(row.value for key, row in one.rows.items() if key in ("first", "second"))
        for _ in range(int(lasts / (one.every_s or lasts))):
            now += one.every_s or lasts
            times.append(f"{minutes(now)} after turning")
    return tuple(times)


def _crisis_tables(plan: CarePlan) -> tuple[Table, ...]:
    rows = tuple(
        (
            card.crisis,
            " ".join(cited(one) for one in card.signs),
            " ".join(cited(one.known) for one in card.right),
            " ".join(cited(one.known) for one in card.wrong),
        )
        for card in plan.crises
    )
    scored = tuple(
        (
            f"{one.crisis} at {minutes(one.t_s)}",
            ", ".join(one.done) or "none",
            ", ".join(one.left_out) or "none",
            ", ".join(one.wrong) or "none",
            "none" if one.first_s is None else with_unit(figure(one.first_s, 0), "s"),
            "not scored: no action is verified" if one.score is None else f"{100 * one.score:.0f} %",
            " ".join(f"{minutes(turn.t_s)}: {cited(turn.known)}" for turn in one.shown) or "nothing more",
        )
        for one in plan.crises_scored
    )
    card = Table("When something goes wrong", ("Crisis", "Signs", "First", "Not"), rows)
    columns = (
        "Crisis",
        "Right and done",
        "Left out",
        "Wrong and done",
        "First right action after",
        "Score",
        "What showed",
    )
    return (card, *([Table("What was done", columns, scored)] if scored else []))


def _home_tables(plan: CarePlan) -> tuple[Table, ...]:
    home = plan.discharge
    drugs = tuple((one.drug_class, one.purpose, ", ".join(one.check), cited(one.known)) for one in home.prescriptions)
    visits = tuple(
        (one.when, ", ".join(one.measures), one.after.source + dagger(one.after.evidence)) for one in home.follow_up
    )
    change = tuple(
        (one.name, f"{one.change.value:g} [{one.change.source}]{dagger(one.change.evidence)}") for one in home.measures
    )
    return (
        Table(
            "Proposed by class, no dose: to be prescribed by a person",
            ("Class", "For", "Check against", "Known"),
            drugs,
        ),
        Table("Visits", ("When", "What", "As in"), visits),
        Table("Change that matters to a patient", ("Score", "Change"), change),
    )
