"""The outlines of a city's districts: in which of them a point on the map lies."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from shapely import Point, STRtree, transform
from shapely.geometry.base import BaseGeometry

_METRES = 111_320.0  # in a degree of latitude
_TOLERANCE = 300.0  # metres by which a telephone, or an outline, may be wrong


@dataclass(frozen=True, slots=True)
class Area:
    """A district and its outline, in WGS 84 degrees, longitude first."""

    district: str
    outline: BaseGeometry


class Areas:
    """A city's districts on the map. Immutable, and safe between threads."""

    def __init__(self, areas: Iterable[Area] = (), *, tolerance: float = _TOLERANCE) -> None:
        """Build the index once. A point outside every outline by up to `tolerance` metres belongs to the nearest."""
        kept = tuple(areas)
        self._districts = tuple(area.district for area in kept)
        self._tolerance = tolerance
        middle = [area.outline.centroid.y for area in kept]
        self._narrow = math.cos(math.radians(sum(middle) / len(middle))) if middle else 1.0
        self._tree = STRtree([self._flat(area.outline) for area in kept])

    def district(self, latitude: float, longitude: float) -> str | None:
        """Return the district of a point; None outside the city, and for what is no point on the earth."""
        if not self._districts or not (math.isfinite(latitude) and math.isfinite(longitude)):
            return None
        point = Point(longitude * self._narrow * _METRES, latitude * _METRES)
        inside = self._tree.query(point, predicate="intersects")
        if len(inside):
            return self._districts[int(inside.min())]
        near = self._tree.query_nearest(point, max_distance=self._tolerance)
        return self._districts[int(near.min())] if len(near) else None

    def _flat(self, outline: BaseGeometry) -> BaseGeometry:
        """Turn degrees into metres, near enough over one city."""
        return transform(outline, lambda points: points * (self._narrow * _METRES, _METRES))
