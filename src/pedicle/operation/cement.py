"""The cement of an operation as it stands: for pictures, for readings, for the report."""

from __future__ import annotations

from collections.abc import Mapping

from pedicle.injection.finish import Seen, cement_share, finish, leaks_of
from pedicle.injection.site import Site
from pedicle.model.events import OperationState
from pedicle.model.fill import Fill, Leak
from pedicle.model.placed import PlacedCement
from pedicle.model.vertebra import Vertebra
from pedicle.operation.injecting import settings_of, site_for


def site_in(state: OperationState, vertebrae: Mapping[str, Vertebra], level: str) -> Site:
    """The site of a level where an injection has begun."""
    return site_for(vertebrae, level, settings_of(state, level))


def leaks_in(state: OperationState, site: Site) -> tuple[Leak, ...]:
    """The leaks of a level as they are now."""
    now = state.injection(site.level)
    return leaks_of(site, now, seen_in(state, site.level)) if now else ()


def seen_in(state: OperationState, level: str) -> Seen:
    """When each view first showed a leak of a level, by opening."""
    found: Seen = {}
    for event in state.leaks_seen:
        if event.level == level:
            ap, lateral = found.get(event.opening, (None, None))
            if event.view == "AP":
                ap = event.t_s if ap is None else ap
            else:
                lateral = event.t_s if lateral is None else lateral
            found[event.opening] = (ap, lateral)
    return found


def cement_in(state: OperationState, vertebrae: Mapping[str, Vertebra]) -> tuple[PlacedCement, ...]:
    """All cement in the patient, in the bone and leaked, as a picture needs it."""
    found: list[PlacedCement] = []
    for level, now in state.injections:
        site = site_in(state, vertebrae, level)
        material = site.cement.xray_material
        volumes = [cement_share(site, now), *(leak.filled for leak in leaks_in(state, site))]
        found += [PlacedCement(volume, material) for volume in volumes if volume.values.any()]
    return tuple(found)


def fill_in(state: OperationState, vertebrae: Mapping[str, Vertebra], level: str) -> Fill:
    """What the injection of a level left, with what the pictures showed of it."""
    now = state.injection(level)
    assert now is not None
    return finish(site_in(state, vertebrae, level), now, seen_in(state, level))
