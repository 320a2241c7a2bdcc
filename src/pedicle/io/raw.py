"""What every reader of one file hands on: labels as stored, or a CT that becomes a `Scan`."""

from __future__ import annotations

from dataclasses import dataclass

from pedicle.model.notices import Notice
from pedicle.model.scan import Acquisition, InputFile, Scan
from pedicle.model.volume import Volume


@dataclass(frozen=True, eq=False)
class RawLabels:
    """A label map as the file has it: canonical uint16 volume, the file's own names of its numbers (or None)."""

    volume: Volume
    names: dict[int, str] | None
    where: str
    sha256: str
    kind: str
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, eq=False)
class RawScan:
    """A CT as the file has it, in HU (int16 or float32), in any axis order."""

    volume: Volume
    acquisition: Acquisition
    where: str
    sha256: str
    notices: tuple[Notice, ...] = ()

    def through_gate(self, resample: bool) -> Scan:
        """Right angles, then the gate every format passes."""
        from pedicle.io.gate import canonical_scan
        from pedicle.io.geometry import with_right_angles
        from pedicle.io.slices import check_slices

        names = [f"{self.where} plane {k + 1}" for k in range(self.volume.grid.shape[2])]
        volume, told = with_right_angles(self.volume, self.where, resample)
        files = (InputFile(self.sha256, "ct"),)
        scan = canonical_scan(volume, self.acquisition, files, self.notices + told, self.where)
        check_slices(self.volume.values.transpose(2, 1, 0), None, names)
        return scan


def trailing_notice(extra: int, digest: str) -> tuple[Notice, ...]:
    """The note on bytes behind the image, if there are any."""
    if not extra:
        return ()
    return (Notice("trailing-bytes", digest, f"{extra} bytes behind the image were ignored.", "note"),)
