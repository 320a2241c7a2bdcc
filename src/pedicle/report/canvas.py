"""One picture: a grey slice of the CT (or of the labels), outlines, needles and words over it, in mm of the patient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike, NDArray

from pedicle.report import svg
from pedicle.report.views import Plane

Grey = NDArray[np.uint8]
NO_DATA = 46
"""Grey of pixels that the scan does not cover: neither air nor tissue."""


@dataclass(frozen=True)
class Figure:
    """A finished picture with its heading and the sentence under it."""

    svg: Markup
    title: str
    caption: str
    ratio: float


@dataclass
class Canvas:
    """Layers over one plane; `finished` puts them together."""

    plane: Plane
    background: str = ""
    layers: list[Markup] = field(default_factory=list)

    @property
    def type_mm(self) -> float:
        """Size of the small type, in picture mm: the same on paper whatever the field of view."""
        return 0.040 * self.plane.width_mm

    def add(self, *parts: Markup) -> None:
        """Put parts on top."""
        self.layers.extend(parts)

    def outline(self, share: NDArray[np.float32], class_: str) -> bool:
        """The outline at one half of a mask sampled over the whole picture; False when it is not in the picture."""
        from skimage import measure

        if share.max() <= 0.5:
            return False
        trace: Callable[..., list[NDArray[np.float64]]] = measure.find_contours
        rows, columns = share.shape
        scale = np.array([self.plane.width_mm / columns, self.plane.height_mm / rows])
        lines = [(line[:, ::-1] + 0.5) * scale for line in trace(np.asarray(share, np.float64), 0.5)]
        kept = [line for line in lines if len(line) > 3]
        self.add(svg.element("path", d=svg.path_of(kept), class_=f"wall {class_}", vector_effect=svg.STEADY))
        return True

    def dot(self, point_mm: ArrayLike, class_: str, radius_mm: float) -> None:
        """A small disc at an LPS point."""
        x, y, _ = self.plane.place(point_mm)
        self.add(svg.element("circle", cx=x, cy=y, r=radius_mm, class_=class_, vector_effect=svg.STEADY))

    def tag(self, text: str, point_mm: ArrayLike, shift: tuple[float, float] = (0.0, 0.0)) -> None:
        """Words at an LPS point, moved by `shift` lines of type."""
        x, y, _ = self.plane.place(point_mm)
        size = self.type_mm
        anchor = "start" if shift[0] > 0 else "end" if shift[0] < 0 else "middle"
        self.add(svg.cased(text, (x + shift[0] * size, y + shift[1] * size), size, "tag", anchor))

    def finished(self, title: str, caption: str, note: str = "") -> Figure:
        """The picture with scale bar, words at its edges and `note` at its top."""
        wide, high = self.plane.width_mm, self.plane.height_mm
        box = f"0 0 {svg.number(wide)} {svg.number(high)}"
        image = svg.element("image", href=self.background, width=wide, height=high, preserveAspectRatio="none")
        parts = [svg.element("title", title), image, *self.layers, self._edges(), self._scale_bar()]
        if note:
            parts.append(svg.cased(note, (wide / 2, 2.6 * self.type_mm), self.type_mm, "tag note"))
        picture = svg.element("svg", *parts, viewBox=box, role="img", class_="picture")
        return Figure(picture, title, caption, round(wide / high, 3))

    def _edges(self) -> Markup:
        wide, high, size = self.plane.width_mm, self.plane.height_mm, self.type_mm
        places = {
            "left": (0.6 * size, 0.3 * high, "start"),
            "right": (wide - 0.6 * size, 0.3 * high, "end"),
            "top": (wide / 2, 1.0 * size, "middle"),
            "bottom": (wide / 2, high - 1.0 * size, "middle"),
        }
        parts = []
        for edge, word in self.plane.edges.items():
            x, y, anchor = places[edge]
            if word in ("left", "right"):
                parts.append(svg.cased(word[0].upper(), (x, y - 1.4 * size), 2.2 * size, "side", anchor))
            parts.append(svg.cased(word.upper(), (x, y), size, "edge", anchor))
        return svg.group(parts, "edges")

    def _scale_bar(self) -> Markup:
        size, high = self.type_mm, self.plane.height_mm
        length = next(mm for mm in (100, 50, 20, 10, 5) if mm <= 0.3 * self.plane.width_mm or mm == 5)
        x, y = size, high - 1.0 * size
        bar = [(x, y - 0.4 * size), (x, y), (x + length, y), (x + length, y - 0.4 * size)]
        text = svg.cased(f"{length} mm", (x + length / 2, y - 1.0 * size), 0.9 * size, "tag")
        return svg.group([svg.polyline(bar, "bar-case"), svg.polyline(bar, "bar"), text], "scale")


def windowed(values: NDArray[np.float64], centre: float, width: float) -> Grey:
    """HU as 8-bit grey; pixels without data get a flat grey of their own."""
    grey = np.clip((np.nan_to_num(values) - centre) / width + 0.5, 0.0, 1.0) * 255.0
    return np.where(np.isfinite(values), np.round(grey), NO_DATA).astype(np.uint8)


def stretched(values: NDArray[np.float64]) -> Grey:
    """A slab mean as 8-bit grey between its 2nd and 99.7th percentile."""
    good = values[np.isfinite(values)]
    if good.size == 0:
        return np.full(values.shape, NO_DATA, np.uint8)
    low, high = np.percentile(good, [2.0, 99.7])
    return windowed(values, float(low + high) / 2, max(float(high - low), 1.0))
