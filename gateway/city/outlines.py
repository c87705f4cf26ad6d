"""districts.geojson: the outlines of a city's districts, drawn by whoever keeps its maps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from importlib.resources.abc import Traversable
from itertools import combinations
from typing import Any

from shapely import GEOSException, from_geojson
from shapely.geometry.base import BaseGeometry

from gateway.city.problems import Problem, unknown
from gateway.city.source import read_text
from normalizer.place import Area, Areas

OUTLINES = "districts.geojson"

_OVERLAP = 0.01  # of the smaller of two districts: more is no slip of the hand that drew them
_POLYGONS = frozenset({"Polygon", "MultiPolygon"})
_EAST, _NORTH = 180.0, 90.0  # degrees
_FEATURES = re.compile(r'"features"\s*:\s*\[')
_BETWEEN = ", \t\r\n"


class _Unusable(Exception):
    """A feature that cannot be used: its key and why."""

    def __init__(self, key: str, what: str) -> None:
        super().__init__(what)
        self.key, self.what = key, what


def read_outlines(file: Traversable, districts: frozenset[str], problems: list[Problem]) -> Areas | None:
    """Read the map, or add to `problems` what is wrong with it; `districts` are the ids that the city has."""
    text = read_text(file, problems)
    features = None if text is None else _features(str(file), text, problems)
    if text is None or features is None:
        return None
    areas: list[Area] = []
    before = len(problems)
    for at, feature in enumerate(features):
        try:
            areas.append(_area(feature, at, districts))
        except _Unusable as unusable:
            problems.append(Problem(str(file), _line(text, at), unusable.key, unusable.what))
    if len(problems) == before:
        problems += [Problem(str(file), 0, key, what) for key, what in _compared(areas, districts)]
    return Areas(areas)


def _features(path: str, text: str, problems: list[Problem]) -> list[Any] | None:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        what = f"is not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        problems.append(Problem(path, error.lineno, "", what))
        return None
    except (RecursionError, ValueError):
        problems.append(Problem(path, 0, "", "cannot be read: it goes too deep or has a number with too many digits"))
        return None
    features = document.get("features") if isinstance(document, dict) else None
    if isinstance(features, list):
        return features
    problems.append(Problem(path, 0, "features", "is missing: the file must be a GeoJSON FeatureCollection"))
    return None


def _area(feature: Any, at: int, districts: frozenset[str]) -> Area:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    district = properties.get("id") if isinstance(properties, dict) else None
    if not isinstance(district, str):
        raise _Unusable(f"features[{at + 1}].properties.id", "is missing: write the id of a district")
    key = f"features[{district}]"
    if districts and district not in districts:
        raise _Unusable(key, unknown(district, districts))
    outline = _outline(feature.get("geometry"))
    if outline is None:
        raise _Unusable(key, "its geometry is no Polygon or MultiPolygon with at least four points in each ring")
    west, south, east, north = outline.bounds
    if not (-_EAST <= west <= east <= _EAST and -_NORTH <= south <= north <= _NORTH):
        raise _Unusable(key, "is not in degrees; save the map in WGS 84 (EPSG:4326)")
    if not outline.is_valid:
        raise _Unusable(key, "its outline crosses itself; repair it in the program that drew it")
    return Area(district, outline)


def _outline(geometry: Any) -> BaseGeometry | None:
    """Return a polygon, or None for what is none."""
    if not isinstance(geometry, dict) or geometry.get("type") not in _POLYGONS:
        return None
    try:
        outline = from_geojson(json.dumps(geometry))
    except (GEOSException, ValueError):
        return None
    return None if outline.is_empty else outline


def _compared(areas: Sequence[Area], districts: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Say which districts are drawn over one another, and which are not drawn at all."""
    for one, other in combinations(areas, 2):
        shared = one.outline.intersection(other.outline).area
        if shared > _OVERLAP * min(one.outline.area, other.outline.area):
            yield f"features[{other.district}]", f"lies over {one.district!r}: a point must belong to one district"
    for missing in sorted(districts - {area.district for area in areas}):
        yield "features", f"has no outline for {missing!r}"


def _line(text: str, at: int) -> int:
    """Find the line on which a feature begins, which json does not tell; 0 where it cannot be found."""
    decoder = json.JSONDecoder()
    start = _FEATURES.search(text)
    begins = ends = start.end() if start else len(text)
    try:
        for _ in range(at + 1):
            begins = len(text) - len(text[ends:].lstrip(_BETWEEN))
            ends = decoder.raw_decode(text, begins)[1]
    except ValueError:  # another list of that name stands before
        return 0
    return text.count("\n", 0, begins) + 1
