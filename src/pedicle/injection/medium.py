"""From one level's bone to the medium that cement and marrow flow through."""

from __future__ import annotations

import numpy as np

from pedicle.injection.cells import Cells, cells_of, permeability_of
from pedicle.injection.options import MediumOptions
from pedicle.injection.passages import with_passages
from pedicle.injection.walls import outer_faces, shell_outlets
from pedicle.model.bone import Bone
from pedicle.model.medium import Medium, Passage, face_transmissibility
from pedicle.model.permeability import marrow_viscosity_pa_s, permeability_law


def medium_of(bone: Bone, options: MediumOptions | None = None, passages: tuple[Passage, ...] = ()) -> Medium:
    """The medium of one level: pores, permeability, joints between cells, shell, and these passages through it.

    Body and pedicles (or what `options.domain` says) on cells of the options' size along the vertebra's axes. Pore volume
    is the bone's own on any grid. The intact shell leaks marrow everywhere; cement leaves by passages only, and without
    any the body is closed to it. `injection.openings` makes the passages: seen, drawn or expected.

    Raises InputError 700 for a bone without a body.
    """
    options = options or MediumOptions()
    return medium_of_cells(cells_of(bone, options), options, passages)


def medium_of_cells(cells: Cells, options: MediumOptions, passages: tuple[Passage, ...] = ()) -> Medium:
    """The same from cells cut once, for many runs that differ in permeability, marrow or openings."""
    permeability = permeability_of(cells, permeability_law(options.permeability), options.permeability_factor)
    closed = Medium(
        spacing_mm=cells.spacing_mm,
        pore_volume_mm3=cells.pore_share * float(np.prod(cells.spacing_mm)),
        permeability_mm2=permeability,
        face_mm3=face_transmissibility(permeability, cells.inside, cells.spacing_mm),
        outlets=shell_outlets(cells, outer_faces(cells, permeability)),
        marrow_viscosity_pa_s=marrow_viscosity_pa_s() * options.marrow_factor,
        grid=cells.grid,
    )
    return with_passages(closed, passages)
