"""Which levels are planned, and which are refused with what words."""

from __future__ import annotations

from pedicle.model.errors import InputError, RefusedError
from pedicle.model.levels import rank
from pedicle.model.notices import Notice
from pedicle.model.scan import sorted_levels
from pedicle.model.vertebra import Spine, Vertebra
from pedicle.planning.options import PlanOptions

WORDS = ("fractured", "all")


def chosen_levels(spine: Spine, options: PlanOptions) -> list[str]:
    """Levels to plan from the head down.

    RefusedError 400 when the labels hold bodies only, 401 when `purpose` is plan and no level is named; InputError 402
    when a named level is not in the scan.
    """
    if spine.coverage == "body":
        raise RefusedError(
            400,
            "label map",
            "it holds vertebral bodies only, no pedicle can be seen",
            "a needle is planned on whole-vertebra labels",
            "give a whole-vertebra label map (VerSe, or TotalSegmentator total)",
        )
    word = options.levels.strip()
    if options.purpose == "plan" and word.lower() in WORDS:
        raise RefusedError(
            401,
            "--levels",
            f"purpose plan with levels {word}",
            "a CT shows a shape, not which level hurts",
            "name the levels, e.g. --levels L1",
        )
    if word.lower() == "all":
        return spine.levels
    if word.lower() == "fractured":
        return [v.level for v in spine.vertebrae if v.fracture is not None and v.fracture.genant_grade > 0]
    return _named(spine, word)


def check_on_bone(spine: Spine, names: list[str]) -> None:
    """RefusedError 403 when the map, or each of the named levels, lies beside the bone of the CT; whatever the purpose.

    A needle planned on such labels would look right and be wrong.
    """
    told = [notice.text.rstrip("?") for notice in spine.warnings if notice.code == "labels-off-bone"]
    if not told and names and all(_beside_bone(spine[name]) for name in names):
        told = [f"the labels of {', '.join(names)} do not end where the bone ends"]
    if told:
        limit = "a needle is planned on labels that end where the bone ends"
        fix = "give the label map of this very CT, not moved, not mirrored"
        raise RefusedError(403, "label map", told[0], limit, fix)


def _beside_bone(vertebra: Vertebra) -> bool:
    return any(notice.code == "label-off-bone" and notice.severity == "danger" for notice in vertebra.warnings)


def _named(spine: Spine, word: str) -> list[str]:
    by_upper = {level.upper(): level for level in spine.levels}
    names = [name.strip().upper() for name in word.split(",") if name.strip()]
    unknown = [name for name in names if name not in by_upper]
    if unknown or not names:
        raise InputError(
            402,
            "--levels",
            f"{', '.join(unknown) or 'no level named'}",
            f"levels in the scan: {', '.join(spine.levels)}",
            "name levels of the scan, or fractured, or all",
        )
    return sorted_levels(list({by_upper[name] for name in names}))


def refusals(vertebra: Vertebra, notices: tuple[Notice, ...] = ()) -> list[str]:
    """Why no needle is planned in this vertebra; empty when one may be. `notices` are the whole spine's."""
    found = []
    if any(notice.code == "canal-carried" for notice in vertebra.warnings):
        found.append(
            "canal not seen, only guessed from the neighbours: its distance to a needle is not known, not planned"
        )
    if _beside_bone(vertebra):
        found.append("label beside its bone, by the CT: not planned")
    if any(notice.code == "level-order" and _within(vertebra.level, notice.where) for notice in notices):
        found.append("labels out of order here: which vertebra this is cannot be told, not planned")
    if not vertebra.complete:
        found.append("cut by the border of the scan: not planned")
    if vertebra.cemented:
        found.append("already cemented: a second injection is not planned")
    if vertebra.metal:
        found.append("metal in or beside the vertebra: walls cannot be seen")
    if not found and (vertebra.maps is None or vertebra.lps_from_vertebra is None):
        found.append("not measured: no frame or no canal (see the measurement's warnings)")
    if not found and (vertebra.posterior_wall_mm is None or vertebra.anterior_wall_mm is None):
        found.append("body walls not measured: not planned")
    return found


def _within(level: str, where: str) -> bool:
    """Whether a level lies in a stretch such as "T12-L2", its ends included."""
    first, last = (rank(name) for name in where.split("-"))
    return first <= rank(level) <= last
