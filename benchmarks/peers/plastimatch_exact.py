"""plastimatch's exact (Siddon) projector: `run` answers the seconds of one picture by plastimatch's own clock, without reading
the volume and writing the picture; `save PATH` writes the last one in the volume's unit times mm.

Started with the path of an .npz as rtk_joseph.py. Axis-aligned volumes and detectors square to the central ray only.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

CLOCK = re.compile(r"I/O time:\s*([\d.]+).*?Total time:\s*([\d.]+)", re.DOTALL)


def write_volume(given: dict[str, np.ndarray], path: Path) -> None:
    """The volume as MetaImage, float32."""
    matrix, values = given["lps_from_ijk"], given["values"]
    lines = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": words(matrix[:3, 3]),
        "ElementSpacing": words(np.diag(matrix)[:3]),
        "DimSize": " ".join(map(str, values.shape)),
        "ElementType": "MET_FLOAT",
        "ElementDataFile": "LOCAL",
    }
    text = "".join(f"{key} = {value}\n" for key, value in lines.items())
    path.write_bytes(text.encode() + np.ascontiguousarray(values.transpose(2, 1, 0), dtype="<f4").tobytes())


def words(vector: np.ndarray) -> str:
    """Numbers to the last digit."""
    return " ".join(repr(float(x)) for x in vector)


def command(given: dict[str, np.ndarray], folder: Path) -> list[str]:
    """What plastimatch is asked; the isocentre is put on the central ray, half way."""
    column, row = given["column"], given["row"]
    rows, columns = int(given["rows"]), int(given["columns"])
    middle = given["corner"] + 0.5 * (columns - 1) * column + 0.5 * (rows - 1) * row
    way = middle - given["source"]
    distance = float(np.linalg.norm(way))
    size_mm = [rows * np.linalg.norm(row), columns * np.linalg.norm(column)]
    options = {
        "-i": "exact",
        "-P": "none",
        "-t": "pfm",
        "--nrm": words(-way / distance),
        "--vup": words(-row / np.linalg.norm(row)),
        "--sad": repr(0.5 * distance),
        "--sid": repr(distance),
        "-r": f"{rows} {columns}",
        "-z": words(np.array(size_mm)),
        "-o": words(given["source"] + 0.5 * way),
        "-O": str(folder / "seen"),
        "-I": str(folder / "volume.mha"),
    }
    return ["plastimatch", "drr", *(word for pair in options.items() for word in pair)]


def picture(path: Path) -> np.ndarray:
    """A portable float map; plastimatch looks from the source, writes row 0 first, and counts in centimetres."""
    kind, size, order, rest = path.read_bytes().split(b"\n", 3)
    assert kind == b"Pf"
    columns, rows = (int(word) for word in size.split())
    values = np.frombuffer(rest, "<f4" if float(order) < 0 else ">f4").reshape(rows, columns)
    return 10.0 * values[:, ::-1].astype(np.float64)


def main() -> None:
    """Answer until the lines end."""
    given = dict(np.load(sys.argv[1]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_volume(given, folder / "volume.mha")
        asked = command(given, folder)
        said = subprocess.run(["plastimatch", "--version"], capture_output=True, text=True).stdout
        print(said.replace("version", "exact").strip(), flush=True)
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            if word == "run":
                said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
                clock = CLOCK.search(said)
                assert clock, said
                print(float(clock[2]) - float(clock[1]), flush=True)
            elif word == "save":
                np.save(rest, picture(folder / "seen0000.pfm"))
                print("saved", flush=True)


if __name__ == "__main__":
    main()
