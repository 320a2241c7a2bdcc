"""A dossier as one HTML page: everything inside it, nothing fetched, the same bytes for the same dossier."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pedicle.model.progress import Progress, part, silent
from pedicle.model.sourced import used_so_far
from pedicle.model.trajectory import LevelPlan
from pedicle.model.vertebra import Vertebra
from pedicle.report import front
from pedicle.report.canvas import Figure
from pedicle.report.care import care_sections
from pedicle.report.citations import cited
from pedicle.report.dossier import Dossier
from pedicle.report.figures import Studio, needle_figures, view_figure
from pedicle.report.hardening import CurePages, StrengthPages, cure_pages, strength_pages
from pedicle.report.injection import InjectionPages, injection_pages, volume_and_pain
from pedicle.report.operation import operation_pages
from pedicle.report.options import ReportOptions
from pedicle.report.outcome import outcome_table
from pedicle.report.overview import overview_figures
from pedicle.report.prone import prone_figure
from pedicle.report.ruler import depth_ruler
from pedicle.report.sheet import Sheet, sheet_of, used_trajectories
from pedicle.report.shots import ShotPages, shot_pages
from pedicle.report.sides import side_conflict
from pedicle.report.tables import Table, clearance_table, plan_table, vertebra_tables
from pedicle.report.words import RESEARCH_ONLY


@dataclass(frozen=True)
class NeedlePages:
    """The details of one needle: its four pictures."""

    side: str
    used: bool
    feasible: str
    pictures: tuple[Figure, ...]


@dataclass(frozen=True)
class LevelPages:
    """A level's sheet and details."""

    sheet: Sheet
    views: tuple[Figure, ...]
    clearance: Table | None
    needles: tuple[NeedlePages, ...]
    shots: ShotPages | None = None
    injection: InjectionPages | None = None
    left_out: str = ""
    cure: CurePages | None = None
    strength: StrengthPages | None = None


def render(dossier: Dossier, options: ReportOptions | None = None, progress: Progress = silent) -> str:
    """The report as HTML text."""
    options = options or ReportOptions()
    plan = dossier.plan
    return (
        _environment()
        .get_template("report.html")
        .render(
            dossier=dossier,
            facts=dossier.facts,
            research_only=RESEARCH_ONLY,
            severity_words=front.SEVERITY_WORDS,
            gates=front.gates_of(dossier),
            warnings=front.warnings_of(dossier),
            refusals=front.refusals_of(dossier),
            unchecked=front.unchecked(dossier),
            summary=front.summary_of(dossier),
            overview=overview_figures(dossier, options),
            tables=vertebra_tables(dossier),
            plan_table=plan_table(dossier),
            outcome=outcome_table(dossier),
            levels=_levels(dossier, plan.levels if plan else (), options, part(progress, 0.1, 0.95)),
            ruler=depth_ruler,
            prone=prone_figure,
            volume_and_pain=volume_and_pain(),
            opening=front.opening(dossier),
            operation=operation_pages(dossier.log.events, dossier.log.findings, dossier.log.scores)
            if dossier.log and dossier.injected
            else None,
            care=care_sections(dossier.care) if dossier.care else None,
            # Last: what the report itself quotes is among them.
            references=cited((*dossier.facts.references, *used_so_far())),
        )
    )


def _levels(
    dossier: Dossier, levels: tuple[LevelPlan, ...], options: ReportOptions, progress: Progress
) -> list[LevelPages]:
    pages = []
    for number, level in enumerate(levels):
        progress(number / len(levels), f"drawing {level.level}")
        pages.append(_level(dossier, level, options))
    return pages


def _level(dossier: Dossier, level: LevelPlan, options: ReportOptions) -> LevelPages:
    vertebra = dossier.spine[level.level]
    studio = Studio.of(dossier, vertebra, options)
    shown = tuple(t for t in sorted(level.trajectories, key=lambda t: t.side) if not side_conflict(vertebra, t))
    needles = tuple(
        NeedlePages(
            trajectory.side.upper(),
            trajectory.side in level.recommended,
            front.infeasible(trajectory),
            tuple(needle_figures(studio, trajectory)),
        )
        for trajectory in shown
    )
    views = _views(studio, dossier, level, vertebra)
    sides = tuple(trajectory.side for trajectory in used_trajectories(dossier, level))
    shots = shot_pages(dossier.expected, level.level, sides, options.jpeg_quality)
    done = dossier.injection(level.level)
    injection = injection_pages(studio, done) if done else None
    clearances = clearance_table(shown) if shown else None
    cure, strength = dossier.cure(level.level), dossier.strength(level.level)
    return LevelPages(
        sheet_of(dossier, level),
        views,
        clearances,
        needles,
        shots,
        injection,
        dossier.left_out.get(level.level, ""),
        cure_pages(cure) if cure else None,
        strength_pages(strength) if strength else None,
    )


def _views(studio: Studio, dossier: Dossier, level: LevelPlan, vertebra: Vertebra) -> tuple[Figure, ...]:
    used = used_trajectories(dossier, level)
    named = ((level.true_ap, f"True AP of {vertebra.level}"), (level.true_lateral, f"True lateral of {vertebra.level}"))
    return tuple(view_figure(studio, view, used, title) for view, title in named if view is not None)


@cache
def _environment() -> Environment:
    loader = PackageLoader("pedicle.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["style"] = _style(loader, environment)
    environment.globals["css_text"] = _css_text
    return environment


def _style(loader: PackageLoader, environment: Environment) -> Markup:
    # The style sheet is ours and holds no case text, so it goes in as it is.
    return Markup(loader.get_source(environment, "report.css")[0])


def _css_text(text: Any) -> Markup:
    """Case text as a CSS string: only letters, digits, space and ``.-`` pass, so it can close nothing."""
    return Markup('"' + "".join(c for c in str(text) if c.isascii() and (c.isalnum() or c in " .-:")) + '"')
