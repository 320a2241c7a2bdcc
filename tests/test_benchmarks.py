"""What benchmarks judge with: limits are kept, and the meshes given to other programs are the bodies they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import _meshes
from benchmarks._table import Row, falls_short, short_of
from benchmarks.published import ROUTES, fitted
from pedicle.injection.openings import CRACKED, VEINS
from pedicle.model.sourced import quantity


@pytest.mark.parametrize(
    ("value", "ratio", "limit", "short"),
    [
        (0.5, None, "<= 0.5", False),
        (0.51, None, "<= 0.5", True),
        (2e-4, None, "<= 1e-4", True),
        (1.5, None, ">= 1.6", True),
        (1e9, 7.9, "ratio >= 8", True),
        (1e9, 8.0, "ratio >= 8", False),
        (1.0, None, "ratio >= 8", True),
        (float("nan"), None, "<= 1", True),
        (1e9, None, "about 1", False),
        ("absent", None, "", False),
    ],
)
def test_a_row_falls_short_of_a_limit_and_of_nothing_else(value, ratio, limit, short):
    assert falls_short(Row("case", "metric", value, "1", limit, ratio=ratio)) == short


def test_a_run_that_falls_short_names_the_row_and_ends_with_one(capsys):
    good, bad = Row("good", "m", 1.0, "1", "<= 2"), Row("bad", "m", 3.0, "1", "<= 2")
    assert short_of([good]) == 0
    assert short_of([good, bad]) == 1
    assert capsys.readouterr().err == "falls short: bad, m: must be <= 2\n"


BODIES = {
    "box": (_meshes.box((-1.0, 0.0, 2.0), (1.0, 3.0, 4.0)), 12.0),
    "rod": (_meshes.rod(1.5, 2.0, 5.0), np.pi * 1.5**2 * 3.0),
    "tube": (_meshes.tube(1.5, 1.2, 3.0, 100.0), np.pi * (1.5**2 - 1.2**2) * 97.0),
    "ball": (_meshes.ball((1.0, 2.0, 3.0), 5.0), 4.0 / 3.0 * np.pi * 125.0),
    # Ground away: the integral of rho cos(angle) / tan(30 deg) over the disc, angle within 60 deg of a face: 3.
    "diamond": (_meshes.diamond(1.0, 10.0, 30.0), np.pi * 10.0 - 3.0),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_mesh_is_closed_turned_outwards_and_holds_its_bodys_volume(name):
    """1e-4: 256 sides with the circle's area; the ground end's flat facets meet the round rod between two of them."""
    (points, triangles), volume = BODIES[name]
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    there = {tuple(edge) for edge in edges.tolist()}
    assert len(there) == len(edges)
    assert all((b, a) in there for a, b in there)
    assert _meshes.volume((points, triangles)) == pytest.approx(volume, rel=1e-4)


def injected(cleft, leaks):
    """An injection with all veins and one crack of each route there, all of which leaked, or none."""
    names = [(vein.name, vein.route) for vein in VEINS] + [(f"{route} crack 1", route) for route in CRACKED]
    openings = [{"name": name, "route": route, "ml": 0.1} for name, route in names]
    cracks = {route: {"weight": 1.0, "number": 1} for route in CRACKED}
    return {"cleft": cleft, "cracks": cracks, "openings": openings if leaks else []}


def test_where_every_opening_leaks_the_rates_are_the_published_leaks():
    found = fitted([injected(cleft, True) for cleft in (True, False)])
    for route in ROUTES:
        assert found[route] == pytest.approx(quantity("bone/openings", "published", route).value, abs=1e-6)


def test_where_half_of_the_bodies_leak_openings_must_be_twice_as_frequent_and_where_too_few_do_the_fit_says_so():
    leak, dry = injected(False, True), injected(False, False)
    target = quantity("bone/openings", "published", "basivertebral").value
    assert fitted([leak, dry])["basivertebral"] == pytest.approx(2.0 * target)
    assert set(fitted([leak] + 9 * [dry]).values()) == {1.0}
