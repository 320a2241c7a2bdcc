"""The expected X-ray pictures of a level: as the screen should show them at docking, at the posterior wall, at the target."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from pedicle.model.conebeam import ConeBeam
from pedicle.model.expected import STAGES, Advance, Expected, ExpectedShot
from pedicle.model.orientation import edge_words, seen_from, side_letters
from pedicle.model.shot import Dose
from pedicle.report import svg
from pedicle.report.canvas import Figure
from pedicle.report.words import degree_signs, figure, sentence, with_unit

_KINDS = ("AP", "lateral", "bull's-eye")


@dataclass(frozen=True)
class ShotRow:
    """One view at the three stages."""

    title: str
    pose: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class ShotPages:
    """The expected pictures of a level, the rule of advance for each needle, the dose of these pictures."""

    rows: tuple[ShotRow, ...]
    rules: tuple[tuple[str, str], ...]
    dose: str


def shot_pages(expected: Expected | None, level: str, shown: tuple[str, ...], quality: int) -> ShotPages | None:
    """The pages of a level; None where nothing was expected. Only pictures whose needles are all in `shown` are drawn."""
    found = next((row for row in (expected.levels if expected else ()) if row.level == level), None)
    if found is None:
        return None
    shots = [shot for shot in found.shots if set(shot.sides) <= set(shown)]
    if not shots:
        return None
    rules = tuple((f"{rule.side.upper()} needle", rule_words(rule)) for rule in found.advance if rule.side in shown)
    return ShotPages(tuple(_rows(shots, quality)), rules, dose_words(found.dose, len(found.shots)))


def rule_words(rule: Advance) -> str:
    """Whether the rule holds for the planned path, with its margin.

    >>> rule_words(Advance("L1", "left", True, 2.41, 18.2, 22.3))
    'holds: when the tip meets the posterior wall on lateral, 18.2\\xa0mm past the bone entry, the needle is 2.4\\xa0mm lateral of the medial wall on AP'
    """
    if rule.holds is None or rule.margin_mm is None or rule.wall_depth_mm is None:
        return f"not assessed: {rule.reason}"
    wall = (
        f"when the tip meets the posterior wall on lateral, {_mm(rule.wall_depth_mm)} past the bone entry, the needle"
    )
    if rule.margin_mm >= 0:
        side = f"is {_mm(rule.margin_mm)} lateral of the medial wall on AP"
    else:
        side = f"is already {_mm(-rule.margin_mm)} medial of the medial wall on AP"
    if rule.holds:
        return f"holds: {wall} {side}"
    return f"DOES NOT HOLD: it crosses the medial wall on AP {_mm(rule.crossing_depth_mm or 0.0)} past the bone entry; {wall} {side}"


def dose_words(dose: Dose, pictures: int) -> str:
    """The dose of these pictures together."""
    area, kerma = with_unit(f"{dose.kap_gy_cm2:.3f}", "Gy cm²"), with_unit(f"{dose.reference_kerma_mgy:.2f}", "mGy")
    basis = f" ({dose.basis})" if dose.basis else ""
    return f"{pictures} pictures: kerma-area product {area}, kerma at the reference point {kerma}{basis}"


def _mm(value: float) -> str:
    return with_unit(figure(value, 1), "mm")


def _rows(shots: list[ExpectedShot], quality: int) -> list[ShotRow]:
    """Views in reading order, the bull's-eye of each needle apart, the stages across."""
    keys = dict.fromkeys((shot.kind, shot.sides) for shot in shots)
    rows = []
    for kind, sides in sorted(keys, key=lambda key: (_KINDS.index(key[0]), key[1])):
        mine = [shot for shot in shots if (shot.kind, shot.sides) == (kind, sides)]
        mine.sort(key=lambda shot: STAGES.index(shot.stage))
        side = f" of the {sides[0].upper()} needle" if kind == "bull's-eye" else ""
        pose = sentence(degree_signs(mine[0].view.sentence))
        rows.append(ShotRow(f"{kind[0].upper()}{kind[1:]}{side}", pose, tuple(_figure(shot, quality) for shot in mine)))
    return rows


def _figure(shot: ExpectedShot, quality: int) -> Figure:
    rows, columns = shot.picture.shape
    size = 0.05 * columns
    image = svg.element("image", href=svg.jpeg(shot.picture, quality), width=columns, height=rows)
    title = {"docking": "At docking", "posterior wall": "At the posterior wall", "target": "At the target"}[shot.stage]
    parts = [svg.element("title", f"{shot.kind} {title.lower()}"), image, *_tips(shot, size), edges_of(shot.beam, size)]
    box = f"0 0 {columns} {rows}"
    picture = svg.element("svg", *parts, viewBox=box, role="img", class_="picture")
    return Figure(picture, title, "", round(columns / rows, 3))


def _tips(shot: ExpectedShot, size: float) -> list[Markup]:
    # Pixel (0, 0) has its centre at (0.5, 0.5) of the drawing.
    return [
        svg.element("circle", cx=x + 0.5, cy=y + 0.5, r=0.7 * size, class_="tip", vector_effect=svg.STEADY)
        for x, y in shot.tips_px
    ]


def edges_of(beam: ConeBeam, size: float) -> Markup:
    """The words at the edges of an X-ray picture and its L and R, in type of `size` pixels."""
    rows, columns = beam.rows, beam.columns
    words, sides = edge_words(beam), side_letters(beam)
    places = {
        "left": (0.4 * size, rows / 2, "start"),
        "right": (columns - 0.4 * size, rows / 2, "end"),
        "top": (columns / 2, 0.9 * size, "middle"),
        "bottom": (columns / 2, rows - 0.9 * size, "middle"),
    }
    parts = [svg.cased(words[edge].upper(), (x, y), size, "edge", anchor) for edge, (x, y, anchor) in places.items()]
    if sides is None:
        at = (columns / 2, 2.4 * size)
        parts.append(svg.cased(f"seen from the patient's {seen_from(beam).upper()}", at, size, "tag note"))
    else:
        for letter, (x, anchor) in zip(sides, ((0.4 * size, "start"), (columns - 0.4 * size, "end")), strict=True):
            parts.append(svg.cased(letter, (x, rows / 2 - 2.2 * size), 2.4 * size, "side", anchor))
    return svg.group(parts, "edges")
