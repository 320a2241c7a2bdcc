"""CT to materials: what the beam of an X-ray tube meets, from what the beam of a CT met.

Every voxel becomes shares of soft tissue, fat and bone mineral that give its Hounsfield number back at the CT's effective
energy. Between marked HU the shares are linear, and so is attenuation: it is conserved everywhere, not only at the marks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.projection import Absorber
from pedicle.model.beam import attenuation, effective_kev, energies_kev
from pedicle.model.density import density_law, tissue_hu
from pedicle.model.volume import Volume

CHANNELS = ("soft_tissue", "adipose", "hydroxyapatite")
# Below is air, exactly zero, so that the projector may skip it; between here and fat lies lung or a margin of air.
AIR_HU, LUNG_HU = -950.0, -300.0
# One step of a share. The largest, 2, is far beyond pure mineral; a CT clips metal long before.
STEP = 2.0**-14
_LARGEST = 32767 * STEP
_SLAB = 1 << 20


def attenuation_at_ct(kvp: float | None = 120.0) -> NDArray[np.float64]:
    """Attenuation in 1/mm of the channels, then of water, at the effective energy of a CT of this tube voltage."""
    kev = effective_kev(density_law(kvp).slope_hu_per_mg_cm3)
    return np.array([np.interp(kev, energies_kev(), attenuation(name)) for name in (*CHANNELS, "water")])


def shares(hu: NDArray[np.float64], kvp: float | None = 120.0) -> NDArray[np.float64]:
    """Shares (channels, ...) of HU of any shape: mm of each channel's material per mm of way.

    Bone is mineral in the place of soft tissue. Beyond pure mineral (about 4000 HU) its share goes on growing to 2: metal
    and cement in the CT attenuate as the CT says, but at another tube voltage as mineral would.
    """
    soft, fat, mineral, water = attenuation_at_ct(kvp)
    law = density_law(kvp)
    fat_hu, muscle_hu = tissue_hu("fat", law), tissue_hu("muscle", law)
    pure_hu, end_hu = (1000.0 * (share * mineral / water - 1.0) for share in (1.0, _LARGEST))
    marks = np.array([-1000.0, LUNG_HU, fat_hu, muscle_hu, pure_hu, end_hu])
    of_water = water * (1.0 + marks / 1000.0)
    table = np.zeros((3, len(marks)))
    table[0, [1, 3]] = of_water[[1, 3]] / soft
    table[1, 2] = of_water[2] / fat
    table[2, 4:] = of_water[4:] / mineral
    hu = np.asarray(hu, dtype=np.float64)
    found = np.stack([np.interp(hu, marks, row) for row in table])
    found[:, hu < AIR_HU] = 0.0
    return found


def hu_of(found: NDArray[np.float64], kvp: float | None = 120.0) -> NDArray[np.float64]:
    """HU of shares (channels, ...): the way back."""
    mu = attenuation_at_ct(kvp)
    return np.asarray(1000.0 * (np.tensordot(mu[:3], found, 1) / mu[3] - 1.0))


def absorber(volume: Volume, kvp: float | None = 120.0) -> Absorber:
    """A CT in HU as an absorber of `CHANNELS`, int16, on the CT's own grid; what lies `outside` is air.

    HU are taken to whole numbers. Nothing else of the volume's size is made than the channels, 2 bytes a voxel each.
    """
    from pedicle.kernels.xray import looked_up

    table = np.rint(shares(np.arange(-32768.0, 32768.0), kvp) / STEP).astype(np.int16)
    flat = volume.values.reshape(-1)
    outside = None if volume.outside is None else volume.outside.reshape(-1)
    out = np.empty((len(CHANNELS), flat.size), np.int16)
    for start in range(0, flat.size, _SLAB):
        part = slice(start, start + _SLAB)
        looked_up(_whole(flat[part]), table, out[:, part])
        if outside is not None:
            out[:, part][:, outside[part]] = 0
    return Absorber(volume.grid, out.reshape(len(CHANNELS), *volume.grid.shape), STEP)


def _whole(values: NDArray[np.generic]) -> NDArray[np.int16]:
    """Any HU as int16; what is not a number is air."""
    if values.dtype == np.int16:
        return np.ascontiguousarray(values, dtype=np.int16)
    known = np.nan_to_num(values.astype(np.float32), nan=-1024.0, posinf=32767.0, neginf=-1024.0)
    return np.asarray(np.clip(np.rint(known), -32768, 32767).astype(np.int16))
