"""Hardening and strength in a case: their files, their balances, what stands on what, their pages, the commands that repeat them."""

from __future__ import annotations

import html
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from pedicle import procedure
from pedicle.curing.options import CureOptions
from pedicle.mechanics.options import StrengthOptions
from pedicle.mechanics.strength import assess_strength
from pedicle.model.case import Case
from pedicle.model.progress import silent
from pedicle.procedure.hardening import cured
from pedicle.report.hardening import cure_pages, minutes, strength_pages
from pedicle.report.strain import STATE_WORDS, cuts
from tests.coarse_case import COARSE


@pytest.fixture(scope="module")
def cure(finished) -> dict:
    return json.loads((finished / "cure-L1.json").read_text())


@pytest.fixture(scope="module")
def strength(finished) -> dict:
    return json.loads((finished / "strength-L1.json").read_text())


def test_the_documents_hold_what_outside_checks_read(cure, strength):
    assert {"cement", "bone"} <= set(cure["peak_temperature_c"])
    assert {"omega_max", "volume_over_1_ml"} <= set(cure["thermal_damage"])
    assert {"setting_time_s", "degree_of_cure_1h", "modulus_1h_mpa", "energy_balance_error", "curve"} <= set(cure)
    states = {"intact", "fractured", "augmented"}
    assert set(strength["stiffness_n_mm"]) == set(strength["strength_n"]) == states
    assert {"criterion", "load_transfer", "elements", "dof", "iterations", "relative_residual"} <= set(strength)


def test_heat_and_forces_balance(cure, strength):
    energy = cure["energy_j"]
    assert cure["energy_balance_error"] <= 1e-3
    assert energy["start"] + energy["released"] == pytest.approx(
        energy["stored"] + energy["lost"] + energy["carried"], rel=1e-3
    )
    assert strength["relative_residual"] <= 1e-6
    assert strength["balance_error"] <= 1e-5


def test_the_cement_heats_the_bone_and_then_only_hardens(cure):
    curve = {name: np.array(values, float) for name, values in cure["curve"].items()}
    assert (np.diff(curve["conversion"]) >= -1e-9).all()
    assert curve["cement_c"].max() > curve["bone_c"].max() > 37.0
    assert cure["peak_temperature_c"]["cement"] == pytest.approx(curve["cement_c"].max(), abs=0.01)
    assert cure["peak_temperature_c"]["bone"] == pytest.approx(curve["bone_c"].max(), abs=0.01)
    assert cure["setting_time_s"] > 0.0
    assert 0.7 < cure["degree_of_cure_1h"] < 1.0


def test_the_clock_is_on_the_operations_clock(finished, cure):
    """Mixed when the injection says so; set after the last push."""
    started = next(
        event for event in map(json.loads, (finished / "operation.jsonl").read_text().splitlines())
        if event["event"] == "injection_started"
    )  # fmt: skip
    assert cure["clock"]["mixed_s"] == pytest.approx(started["mixed_s"])
    case = Case.open(finished)
    (kept,), state = case.load("cure"), case.load("operate")["state"].injection("L1")
    assert cure["clock"]["set_s"] == pytest.approx(state.flow.t_s + kept.setting_in_bone_s)


def test_cement_comes_from_the_room_of_its_injection(finished):
    """Colder when the room was, unless the curing names a room of its own."""

    def brought_in_j(operate_c, cure_c=None):
        chosen = replace(
            COARSE,
            operate=replace(COARSE.operate, room_c=operate_c),
            cure=CureOptions(duration=60.0, margin_mm=8.0, room_c=cure_c),
        )
        return cured(Case.open(finished), chosen, silent)[0][0].energy_j["start"]

    assert brought_in_j(12.0) < brought_in_j(22.0) - 1.0
    assert brought_in_j(12.0, 22.0) == pytest.approx(brought_in_j(22.0))


def test_cement_stiffens_the_fractured_body_within_its_range(strength):
    stiffness, force = strength["stiffness_n_mm"], strength["strength_n"]
    assert stiffness["augmented"]["value"] > stiffness["fractured"]["value"]
    assert force["augmented"]["value"] > force["fractured"]["value"]
    for states in (stiffness, force):
        assert all(one["low"] < one["value"] < one["high"] for one in states.values())


def test_strength_is_of_the_cement_that_cured_here(finished):
    """Not of the catalogue's: the case's own modulus by place."""
    case = Case.open(finished)
    (kept,), (cure,), (done,) = case.load("strength"), case.load("cure"), case.load("operate")["injected"]
    own, of_catalogue = (
        assess_strength(case.load("measure")["L1"], done.fill.share, COARSE.strength, modulus).stiffness_n_mm[
            "augmented"
        ]
        for modulus in (cure.modulus_mpa, None)
    )
    assert kept.stiffness_n_mm["augmented"].value == own.value
    assert abs(own.value / of_catalogue.value - 1.0) > 1e-3


def test_the_report_tells_both(finished):
    page = (finished / "report.html").read_text()
    for words in ("L1: how it hardens", "What heat did", "L1: what that is worth", "What the body carries"):
        assert words in page
    assert page.index('id="injection-L1"') < page.index('id="cure-L1"') < page.index('id="strength-L1"')


def test_each_state_stands_in_its_own_row(finished, strength):
    rows = strength_pages(Case.open(finished).load("strength")[0]).table.rows
    for row, (name, state) in zip(rows, STATE_WORDS.items(), strict=True):
        assert row[0] == state
        assert row[1].startswith(f"{strength['stiffness_n_mm'][name]['value'] / 1e3:.1f}")
        assert row[2].startswith(f"{strength['strength_n'][name]['value'] / 1e3:.2f}")


def test_times_are_told_from_mixing(finished, cure):
    facts = dict(cure_pages(Case.open(finished).load("cure")[0]).facts)
    clock = cure["clock"]
    # The needle comes first: the cement is mixed minutes after the clock has begun.
    assert clock["mixed_s"] > 300.0
    assert facts["Half of it set"] == minutes(clock["set_s"] - clock["mixed_s"])
    assert cure["setting_time_s"] == pytest.approx(clock["set_s"] - clock["mixed_s"])


def test_the_front_of_a_body_is_drawn_to_the_right_and_so_is_its_left(finished):
    """Sagittal as seen from the right, coronal as seen from the front; energy put below in front, then below on the left."""
    found = Case.open(finished).load("strength")[0]
    state = found.states["augmented"]
    nx, ny, nz = state.strain_energy.values.shape
    for number, where in enumerate((np.s_[:, : ny // 2, : nz // 2], np.s_[nx - nx // 2 :, :, : nz // 2])):
        put = np.full((nx, ny, nz), 1e-6, np.float32)
        put[where] = 1.0
        one = replace(state, strain_energy=state.strain_energy.with_values(put))
        picture = cuts(replace(found, states={"augmented": one}), "augmented")[number][0]
        half = (ny, nx)[number] // 2
        assert picture[: nz // 2, -half:].min() == 1.0
        assert picture[:, :half].max() < 1e-3
        assert picture[nz // 2 :].max() < 1e-3


def test_curing_again_with_other_options_makes_what_stands_on_it_anew(finished, tmp_path, cure):
    folder = shutil.copytree(finished, tmp_path / "case")
    before = Case.open(folder)
    digests = {name: before.step(name).digest for name in ("operate", "cure", "strength", "report")}
    procedure.again(folder, "cure", CureOptions(perfusion=0.0))
    bloodless = json.loads((folder / "cure-L1.json").read_text())
    assert bloodless["energy_j"]["carried"] == 0.0 < cure["energy_j"]["carried"]
    after = Case.open(folder)
    changed = {name for name, digest in digests.items() if after.step(name).digest != digest}
    assert changed == {"cure", "strength", "report"}


def test_strength_alone_makes_the_hardening_it_stands_on(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "case")
    with Case.writing(folder) as case:
        case.forget(["cure", "strength", "report"])
        case.save_manifest()
    procedure.again(folder, "strength", StrengthOptions(cell_mm=2.0))
    assert json.loads((folder / "strength-L1.json").read_text())["cell_mm"] == 2.0
    assert Case.open(folder).step("cure") is not None


def test_every_source_that_the_report_cites_is_in_its_list(finished):
    page = re.sub(r"<(style|svg)[^>]*>.*?</\1>", "", (finished / "report.html").read_text(encoding="utf-8"), flags=re.S)
    text = html.unescape(re.sub(r"<[^>]+>", " ", page))
    told, listed = text.rsplit("Sources and software", 1)
    cited = {key for keys in re.findall(r"\[([A-Z]\w+(?:; [A-Z]\w+)*)\]", told) for key in keys.split("; ")}
    assert {"AlAli2009", "ParosolPy2026"} <= cited
    assert cited <= set(re.findall(r"\[([A-Z]\w+)\]", listed))


def test_the_first_page_compares_plan_and_result_and_leads_everywhere(finished, cure, strength):
    page = (finished / "report.html").read_text(encoding="utf-8")
    done = json.loads((finished / "injection-L1.json").read_text())
    row = html.unescape(re.sub(r"<[^>]+>", " ", page.split("Plan and result", 1)[1].split("</tr>", 2)[1])).replace(
        "\xa0", " "
    )
    assert f"{done['injected_ml']:.2f} ml out of the needle" in " ".join(row.split())
    stiffness = [1e-3 * strength["stiffness_n_mm"][state]["value"] for state in ("fractured", "augmented")]
    assert "{:.1f} → {:.1f} kN/mm".format(*stiffness) in " ".join(row.split())
    names = set(re.findall(r' id="([^"]+)"', page))
    targets = re.findall(r'href="#([^"]+)"', page)
    assert {"summary", "injection-L1", "strength-L1", "operation", "care-patient", "sources"} <= set(targets) <= names
