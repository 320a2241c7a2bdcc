"""The files of an injection: its document, the field of cement as NIfTI, the film as an animation."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.io.documents import rounded, to_bytes
from pedicle.io.labelmap.write import field_bytes
from pedicle.io.xa.screen import lettered
from pedicle.model.events import Event, plain_event
from pedicle.model.fill import KINDS, FilmFrame, InjectedLevel
from pedicle.model.spread import Spread

# Time a frame of the film is shown, ms; the last one longer.
_FRAME_MS, _LAST_MS = 400, 2000
_VOLUME_DIGITS = 6


def injection_files(done: InjectedLevel, events: tuple[Event, ...]) -> dict[str, bytes]:
    """Files by name: ``injection-LEVEL.json``, ``injection-LEVEL.nii.gz`` (share of each voxel that is cement), and
    ``injection-LEVEL.gif`` where pictures were taken."""
    stem = f"injection-{done.level}"
    files = {
        f"{stem}.json": to_bytes(injection_document(done, events)),
        f"{stem}.nii.gz": field_bytes(done.fill.share),
    }
    return {**files, f"{stem}.gif": film_bytes(done.film)} if done.film else files


def injection_document(done: InjectedLevel, events: tuple[Event, ...]) -> dict[str, Any]:
    """injection-LEVEL.json; volumes to a nanolitre, so that they can be summed."""
    fill = done.fill
    volumes = ("injected_ml", "in_body_ml", "syringe_ml", "in_cannula_ml")
    return {
        "level": done.level,
        "cement": fill.cement,
        "sides": list(done.sides),
        **{name: round(getattr(fill, name), _VOLUME_DIGITS) for name in volumes},
        "fill_percent_of_body": rounded(fill.fill_percent_of_body),
        "fill_percent_of_fracture_space": rounded(fill.fill_percent_of_fracture_space),
        "leaked_ml": {route: round(ml, _VOLUME_DIGITS) for route, ml in fill.leaked_ml.items()},
        "leaks": [_leak(row) for row in fill.leaks],
        "marrow_out_ml": {route: round(ml, _VOLUME_DIGITS) for route, ml in fill.marrow_out_ml.items()},
        "mass_balance_error": fill.mass_balance_error,
        "peak_pressure_kpa": rounded(fill.peak_pressure_kpa),
        "crossed_midline": fill.crossed_midline,
        "steps": fill.steps,
        "stopped": list(fill.stopped),
        "second_portion": list(done.advice),
        "spread": _spread(done.spread) if done.spread else None,
        "evidence": fill.evidence,
        "curve": {name: rounded(values.tolist()) for name, values in vars(fill.curve).items()},
        "events": [plain_event(event) for event in events if getattr(event, "level", done.level) == done.level],
        "warnings": [dict(vars(notice)) for notice in fill.warnings],
    }


def film_bytes(frames: tuple[FilmFrame, ...]) -> bytes:
    """The film as an animated GIF: AP on the left, lateral on the right, one frame a look; a view not yet seen is black."""
    from PIL import Image

    pictures = [Image.fromarray(pair) for pair in _pairs(frames)]
    times = [_FRAME_MS] * (len(pictures) - 1) + [_LAST_MS]
    content = io.BytesIO()
    pictures[0].save(content, "GIF", save_all=True, append_images=pictures[1:], duration=times, loop=0)
    return content.getvalue()


def _pairs(frames: tuple[FilmFrame, ...]) -> list[NDArray[np.uint8]]:
    """Both views beside each other, once for each amount of cement."""
    shown = {kind: np.zeros_like(frames[0].picture) for kind in KINDS}
    made = {}
    for frame in frames:
        words = f"{frame.injected_ml:.1f} ml  {frame.t_s / 60:.1f} min  simulated"
        shown[frame.kind] = np.asarray(lettered(frame.picture, frame.beam, words))
        made[frame.injected_ml] = np.hstack([shown[kind] for kind in KINDS])
    return list(made.values())


def _spread(spread: Spread) -> dict[str, Any]:
    rows = spread.opening_probability
    return {
        "runs": spread.runs,
        "planned_ml": rounded(spread.planned_ml),
        "volumes_ml": rounded(spread.volumes_ml.tolist()),
        "leak_probability": {route: rounded(p.tolist()) for route, p in spread.leak_probability.items()},
        "leaked_ml_at_planned": {
            route: dict(zip(("low", "median", "high"), rounded(list(q)), strict=True))
            for route, q in spread.leaked_ml.items()
        },
        "openings": [dict(zip(("opening", "route", "place", "leak_probability"), row, strict=True)) for row in rows],
        "drawn": list(spread.drawn),
        "evidence": spread.evidence,
    }


def _leak(leak: Any) -> dict[str, Any]:
    return {
        "route": leak.route,
        "place": leak.place,
        "opening": leak.opening,
        "ml": round(leak.ml, _VOLUME_DIGITS),
        "onset_s": rounded(leak.onset_s),
        "seen_ap_s": rounded(leak.seen_ap_s),
        "seen_lateral_s": rounded(leak.seen_lateral_s),
    }
