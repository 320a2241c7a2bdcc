"""Options of the synthetic patient: one object, read by the command line, the API and the docs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pedicle.model.options import options

LevelName = Literal[
    "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "L6",
]  # fmt: skip
Kernel = Literal["soft", "standard", "sharp"]


@options
class FractureOptions:
    """One fractured level."""

    level: LevelName
    """Level that is broken."""
    shape: Literal["wedge", "biconcave", "crush"] = "wedge"
    """Which height falls most."""
    loss_percent: Annotated[float, Field(ge=0, le=85)] = 30.0
    """Loss of the most reduced height against the intact body, percent."""
    cleft: Literal["none", "gas", "fluid"] = "none"
    """Space inside the broken body."""
    posterior_bulge_mm: Annotated[float, Field(ge=0, le=12)] = 0.0
    """How far the posterior wall stands back into the canal, mm."""
    retropulsion: bool = False
    """The bulge is a fragment of the upper corner."""
    cracks: bool = True
    """Endplate and front wall are broken through."""
    distraction_mm: Annotated[float, Field(ge=0, le=20)] = 0.0
    """How far the spinous process above is lifted off this level's: all above is hinged forward about the disc's back, mm."""
    turn_deg: Annotated[float, Field(ge=-40, le=40)] = 0.0
    """Axial turn of all above against this level, degrees."""
    slide_mm: Annotated[float, Field(ge=-20, le=20)] = 0.0
    """How far all above stands in front of this level, mm."""

    @property
    def torn(self) -> bool:
        """Whether the posterior column failed: what is above was distracted, turned or slid against this level."""
        return bool(self.distraction_mm or self.turn_deg or self.slide_mm)


@options
class PhantomOptions:
    """A synthetic patient and the scanner that saw them. One object and its seed give the same CT to the byte."""

    top: LevelName = "T11"
    """Uppermost level that lies whole in the picture."""
    bottom: LevelName = "L5"
    """Lowest level that lies whole in the picture."""
    shape: tuple[int, int, int] = (320, 320, 200)
    """Voxels to the left, back and head."""
    spacing_mm: tuple[float, float, float] = (0.9, 0.9, 1.25)
    """Voxel size, mm."""
    seed: Annotated[int, Field(ge=0, le=4_294_967_295)] = 1
    """Seed of everything that is drawn."""
    sex: Literal["F", "M"] = "F"
    """Sex."""
    age_y: Annotated[float, Field(ge=18, le=100)] = 74.0
    """Age, years."""
    size: Annotated[float, Field(ge=0.7, le=1.4)] = 1.0
    """Body size against the mean of the sex."""
    pedicle_factor: Annotated[float, Field(ge=0.4, le=1.6)] = 1.0
    """Pedicle width against the mean."""
    level_noise: Annotated[float, Field(ge=0, le=2)] = 1.0
    """Scatter between levels: 1 as published, 0 none."""
    density_mg_cm3: Annotated[float, Field(ge=10, le=350)] = 70.0
    """Trabecular density, mg/cm3 CaHA."""
    lordosis_deg: Annotated[float, Field(ge=0, le=80)] = 37.0
    """Lordosis T12 to S1, lying, degrees."""
    scoliosis_deg: Annotated[float, Field(ge=-60, le=60)] = 0.0
    """Cobb angle, convex to the left positive."""
    scoliosis_apex: LevelName = "L1"
    """Level farthest to the side."""
    rotation_deg: Annotated[float, Field(ge=-40, le=40)] = 0.0
    """Axial turn at the apex, degrees."""
    six_lumbar: bool = False
    """A sixth lumbar vertebra."""
    fractures: tuple[FractureOptions, ...] = ()
    """Fractured levels."""
    cemented_level: LevelName | None = None
    """Level that was cemented before."""
    sclerotic_level: LevelName | None = None
    """Level whose upper half is sclerotic."""
    posture: Literal["supine", "prone"] = "supine"
    """How the patient lies."""
    body: bool = True
    """Soft tissue, ribs and table; without it the spine alone."""
    obesity: Annotated[float, Field(ge=0, le=2)] = 0.2
    """Fat against a slim patient: 0 slim, 1 obese."""
    fat_shift_hu: Annotated[float, Field(ge=-20, le=20)] = 0.0
    """How far this patient's fat lies from the mean patient's, HU; bone and muscle keep theirs."""
    kvp: Annotated[float, Field(ge=70, le=150)] = 120.0
    """Tube voltage, kV."""
    scanner_slope: Annotated[float, Field(ge=0.7, le=1.3)] = 1.0
    """Slope of this scanner's HU of bone against the mean scanner of its voltage."""
    scanner_shift_hu: Annotated[float, Field(ge=-40, le=40)] = 0.0
    """Offset of this scanner's HU of bone against the mean scanner, HU."""
    scanner_offset_hu: Annotated[float, Field(ge=-100, le=100)] = 0.0
    """Added to every value, air too, as a wrong rescale intercept would, HU; the scanner's own law does not hold it."""
    kernel: Kernel = "standard"
    """Reconstruction kernel."""
    noise_hu: Annotated[float | None, Field(ge=0, le=200)] = None
    """Noise in the middle, HU; from slice and kernel when not given."""
    mirror: bool = False
    """Mirror the anatomy left to right."""
    held_out: bool = False
    """Shapes and texture of families kept from tuning."""
