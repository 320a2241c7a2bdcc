"""Limits of the import gate, each with its reason. They are engineering limits of this program, not clinical ones."""

from __future__ import annotations

# A matrix that squeezes one axis a thousandfold against another describes no scanner's voxels.
CONDITION = 1e3
# Largest cosine between two axes. Below it the affine still places every voxel exactly; 1e-3 is 0.06 deg, far under any
# gantry tilt and far over the rounding of direction cosines to six decimals.
ORTHOGONAL = 1e-3

# Edge of a voxel: a flat-panel or micro-focus image lies below, metres instead of millimetres too; a vertebra
# cannot be measured above. DICOM pixels are held to the narrower IN_PLANE_MM, because nobody scans a spine at 2 mm pixels.
SPACING_MM = (0.15, 5.0)
IN_PLANE_MM = (0.15, 2.0)
STEP_MM = (0.2, 5.0)
# Above this step the endplates blur into each other: accepted with a caution.
COARSE_MM = 3.0
# The middle one of the three extents: a field narrower than a vertebra with its processes, or wider than any bore.
FIELD_MM = (80.0, 700.0)
LONGEST_MM = 2500.0
# One whole vertebra (about 25 mm) and 10 mm beside it.
FEWEST_SLICES = 20
SHORTEST_MM = 35.0

# Stored values of padding reach -3072 - 24 in real exports; nothing a 16-bit scanner writes lies above 32767.
HU_RANGE = (-3100, 32767)
# Air of a calibrated scanner lies at -1000 HU; blur and noise leave at least this share of the voxels below -900.
AIR_HU = -900
AIR_SHARE = 1e-4
# The peak of air: -1024 where the scanner cuts off, a few bins of noise on either side.
AIR_PEAK_HU = (-1060, -940)
# The commonest soft tissue is fat or muscle, with the shift that contrast and tube voltage make.
TISSUE_HU = (-250, 250)
TISSUE_PEAKS_HU = ((-140, -40), (-10, 110))
TISSUE_SHARE = 0.02
# Even a bare bone in air has this share of voxels at its surface that look like soft tissue; an empty picture has none.
LEAST_TISSUE_SHARE = 1e-3
# Values above this that pile up on one number are metal cut off by the scanner's upper end.
CAP_HU = 2000
CAP_COUNT = 8

# Padding far below air (-2000, -3024) is one constant value; noise never is.
DEEP_PADDING_HU = -1500
DEEP_PADDING_SHARE = 1e-3
# Padding at the scanner's floor is flat, reaches the border, and lies under the real air.
FLOOR_PADDING_HU = -1010
FLOOR_PADDING_SHARE = 0.01
FLOOR_FLATNESS_HU = 2
REAL_AIR_SHARE = 0.005
# Median step between neighbouring voxels of soft tissue: 20 HU and more in real scans, 0 in drawn ones.
TISSUE_NOISE_HU = 3.0
AIR_VALUE_HU = -1024
