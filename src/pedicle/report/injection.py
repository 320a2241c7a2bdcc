"""The injection of a level on paper: what it looked like, where the cement is, how it went, where it leaked, why it ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from pedicle.model.cement import cement
from pedicle.model.fill import KINDS, Curve, Fill, FilmFrame, InjectedLevel, Leak
from pedicle.model.sourced import as_statement, table
from pedicle.model.spread import Spread
from pedicle.report import svg
from pedicle.report.canvas import Figure
from pedicle.report.charts import BLUE, BROWN, RED, Line, charted
from pedicle.report.figures import Studio
from pedicle.report.shots import edges_of
from pedicle.report.tables import Table
from pedicle.report.views import Plane, facing
from pedicle.report.words import clock, figure, with_unit

ROUTE_WORDS = {
    "basivertebral": "basivertebral vein",
    "segmental": "segmental vein",
    "cortical": "break of the cortex",
    "endplate": "break of an endplate",
    "needle_track": "needle track",
}
PLACE_WORDS = {
    "canal": "spinal canal",
    "foramen": "foramen",
    "disc": "disc",
    "paravertebral": "beside the spine",
    "prevertebral_vein": "vein beside the body",
    "cava_or_azygos": "vein to cava or azygos",
}
_SIZE_MM = (84.0, 84.0)


@dataclass(frozen=True)
class InjectionPages:
    """The pages of one level: sentences, pictures, tables."""

    facts: tuple[tuple[str, str], ...]
    film: tuple[tuple[str, tuple[Figure, ...]], ...]
    slices: tuple[Figure, ...]
    curve: Markup
    leaks: Table | None
    risk: Markup | None
    risk_words: str
    balance: str
    evidence: str


def volume_and_pain() -> str:
    """What is known of the volume of cement and the relief of pain, with its source."""
    known = as_statement(table("injection/second")["relief"])
    return f"{known.text} [{known.source}]"


def injection_pages(studio: Studio, done: InjectedLevel) -> InjectionPages:
    """What the report shows of an injection."""
    fill = done.fill
    return InjectionPages(
        facts=tuple(_facts(done)),
        film=_film(done.film, studio.options.jpeg_quality),
        slices=tuple(_slices(studio, fill)),
        curve=_chart(fill.curve),
        leaks=leak_table(fill.leaks) if fill.leaks else None,
        risk=_risk(done.spread) if done.spread else None,
        risk_words=_risk_words(done.spread) if done.spread else "",
        balance=_balance(fill),
        evidence=fill.evidence,
    )


def ml(volume: float) -> str:
    """Millilitres to two decimals.

    >>> ml(1.234).replace("\\N{NO-BREAK SPACE}", " ")
    '1.23 ml'
    """
    return with_unit(figure(volume, 2), "ml")


def injected_words(done: InjectedLevel) -> str:
    """An injection in one line for a terminal: what went where, and why it ended."""
    fill, seen = done.fill, [leak for leak in done.fill.leaks if (leak.seen_ap_s, leak.seen_lateral_s) != (None, None)]
    places = ", ".join(f"{leak.ml:.2f} ml {PLACE_WORDS[leak.place]}" for leak in fill.leaks) or "no leak"
    words = (
        f"{done.level}: {fill.injected_ml:.2f} ml out of the needle, {fill.in_body_ml:.2f} ml in the body; {places} "
        f"({len(seen)} of {len(fill.leaks)} seen); {'; '.join(fill.stopped)}"
    )
    return words.replace("no leak (0 of 0 seen)", "no leak")


def _facts(done: InjectedLevel) -> list[tuple[str, str]]:
    fill = done.fill
    space = fill.fill_percent_of_fracture_space
    fracture = "no open fracture space" if space is None else f"{figure(space, 0)} % of the fracture space"
    peak = fill.peak_pressure_kpa
    return [
        ("Cement", f"{cement(fill.cement).title}, {' then '.join(side.upper() for side in done.sides)} needle"),
        ("In the body", f"{ml(fill.in_body_ml)} of {ml(fill.injected_ml)} out of the needle"),
        ("Fills", f"{figure(fill.fill_percent_of_body, 0)} % of the body's volume; {fracture}"),
        ("Midline", "crossed" if fill.crossed_midline else "not crossed: one-sided fill"),
        ("Leaked", f"{ml(sum(fill.leaked_ml.values()))}" if fill.leaks else "nothing that a CT would show"),
        ("Marrow pushed out", f"{ml(sum(fill.marrow_out_ml.values()))}, most of it into veins"),
        ("Peak pressure", f"{figure(peak['syringe'], 0)} kPa in the syringe, {figure(peak['bone'], 0)} kPa at the tip"),
        ("Ended", "; ".join(fill.stopped)),
        ("Second portion", "; ".join(done.advice) or "not asked for"),
    ]


def _balance(fill: Fill) -> str:
    return (
        f"{ml(fill.injected_ml)} out of the tip = {ml(fill.in_body_ml)} found in the body + "
        f"{ml(sum(fill.leaked_ml.values()))} leaked, to {fill.mass_balance_error:.0e} of it; {ml(fill.in_cannula_ml)} stayed "
        f"in the cannula, {ml(fill.syringe_ml)} in the syringe"
    )


def leak_table(leaks: tuple[Leak, ...]) -> Table:
    """The true leaks of an injection beside when each view first showed them."""
    rows = tuple(
        (
            ROUTE_WORDS[leak.route].capitalize(),
            PLACE_WORDS[leak.place],
            ml(leak.ml),
            _minutes(leak.onset_s),
            _seen(leak.seen_ap_s),
            _seen(leak.seen_lateral_s),
        )
        for leak in leaks
    )
    note = "True leaks of the simulation beside what a picture showed. What lies over or behind the body is not seen."
    columns = ("Way out", "Where it lies", "Volume", "From", "Seen on AP", "Seen on lateral")
    return Table("Leaks", columns, rows, note)


def _minutes(t_s: float) -> str:
    return f"{clock(t_s)} min"


def _seen(t_s: float | None) -> str:
    return "not seen" if t_s is None else _minutes(t_s)


def _film(frames: tuple[FilmFrame, ...], quality: int) -> tuple[tuple[str, tuple[Figure, ...]], ...]:
    """For each view its first, a middle and its last picture."""
    found = []
    for kind in KINDS:
        mine = [frame for frame in frames if frame.kind == kind]
        chosen = sorted({0, len(mine) // 2, len(mine) - 1}) if mine else []
        title = f"{kind[0].upper()}{kind[1:]}"
        found.append((title, tuple(_still(mine[n], quality) for n in chosen)))
    return tuple(found)


def _still(frame: FilmFrame, quality: int) -> Figure:
    rows, columns = frame.picture.shape
    title = f"{frame.kind[0].upper()}{frame.kind[1:]} at {_minutes(frame.t_s)}"
    parts = [
        svg.element("title", title),
        svg.element("image", href=svg.jpeg(frame.picture, quality), width=columns, height=rows),
        edges_of(frame.beam, 0.05 * columns),
    ]
    picture = svg.element("svg", *parts, viewBox=f"0 0 {columns} {rows}", role="img", class_="picture")
    return Figure(picture, title, f"{ml(frame.injected_ml)} out of the needle.", round(columns / rows, 3))


def _slices(studio: Studio, fill: Fill) -> list[Figure]:
    """Axial, sagittal and coronal cuts through the middle of the cement, its outline over the CT."""
    share = fill.share.values
    if not share.any():
        return []
    index = np.argwhere(share > 0.0)
    centre = fill.share.grid.lps_from_index(np.average(index, axis=0, weights=share[share > 0.0]))
    left, back, head = studio.axes
    planes = {
        "Axial": facing(centre, left, back, _SIZE_MM),
        "Sagittal": facing(centre, -back, -head, _SIZE_MM),
        "Coronal": facing(centre, left, -head, _SIZE_MM),
    }
    return [_slice(studio, fill, plane, name) for name, plane in planes.items()]


def _slice(studio: Studio, fill: Fill, plane: Plane, name: str) -> Figure:
    canvas = studio.canvas(plane)
    studio.outlines(canvas)
    points = plane.points(2.0)
    for volume, style in [(fill.saturation, "cement"), *((leak.filled, "leak") for leak in fill.leaks)]:
        canvas.outline(np.asarray(volume.sampled(points, fill=0.0), np.float32), style)
    caption = f"Seen from the {plane.seen_from}, through the middle of the cement; red: leaked."
    return canvas.finished(name, caption)


def _chart(curve: Curve) -> Markup:
    """Pressures and volumes over the time of the injection."""
    minutes = (curve.t_s - curve.t_s[0]) / 60.0 if curve.t_s.size else curve.t_s
    pressures: list[Line] = [
        (minutes, curve.syringe_kpa, BLUE, "syringe"),
        (minutes, curve.tip_kpa, BROWN, "needle's tip"),
    ]
    volumes: list[Line] = [
        (minutes, curve.injected_ml, BLUE, "out of the needle"),
        (minutes, curve.leaked_ml, RED, "leaked"),
    ]
    below = "time from the first push, min"
    return charted([(pressures, below, "pressure, kPa"), (volumes, below, "volume, ml")])


def _risk(spread: Spread) -> Markup:
    """The share of runs that have leaked, by route, against the millilitres out of the needle; and how much, at the plan's."""
    shown = ("any", "grave", *(route for route in ROUTE_WORDS if spread.leak_probability[route].any()))
    lines: list[Line] = [
        (spread.volumes_ml, 100.0 * spread.leak_probability[key], None, _risk_name(key)) for key in shown
    ]
    bars: list[Line] = []
    for n, (key, colour) in enumerate((("any", BLUE), ("grave", RED))):
        low, _, high = spread.leaked_ml[key]
        bars.append((np.array([low, high]), np.full(2, float(n)), colour, _risk_name(key)))
    below = "out of the needle, ml"
    return charted(
        [(lines, below, "runs that leaked, %"), (bars, "leaked at the planned volume, ml: 95 % of runs", "")]
    )


def _risk_name(key: str) -> str:
    return {"any": "any route", "grave": "canal, foramen, cava"}.get(key) or ROUTE_WORDS[key]


def _risk_words(spread: Spread) -> str:
    at = int(np.searchsorted(spread.volumes_ml, spread.planned_ml))
    share = float(spread.leak_probability["any"][min(at, len(spread.volumes_ml) - 1)])
    error = 100.0 * float(np.sqrt(share * (1.0 - share) / spread.runs))
    varied = "; ".join(spread.drawn)
    return (
        f"{spread.runs} runs of this plan, none stopped for a leak: {figure(100.0 * share, 0)} \N{PLUS-MINUS SIGN} {figure(error, 0)} % had leaked "
        f"somewhere at the planned {ml(spread.planned_ml)}. Varied: {varied}. {spread.evidence}."
    )


__all__ = ["InjectionPages", "injection_pages", "ml", "volume_and_pain"]
