"""Reading a city's places: the sheet of names and the map, and each mistake told with its file and line."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from gateway.city.places import OUTLINES, PLACES, Places, read_places
from gateway.city.problems import Problem

ROOT = Path(__file__).parents[2]
BAGHDAD = ROOT / "config" / "cities" / "baghdad"
MESSAGES = ROOT / "tests" / "data" / "complaints.jsonl"
DISTRICTS = frozenset({"north", "south"})
BAGHDADS = frozenset(row["id"] for row in tomllib.loads((BAGHDAD / "districts.toml").read_text("utf-8"))["district"])
HEAD = "name,variants,districts,word,never\n"


@pytest.fixture(scope="module")
def baghdad() -> Places:
    """The places of the sample city, which must be without a mistake."""
    problems: list[Problem] = []
    places = read_places(BAGHDAD, BAGHDADS, problems)
    assert [] == problems
    return places


def read(folder: Path) -> tuple[Places, list[tuple[str, int, str, str]]]:
    """Read a folder, and say what it says is wrong."""
    problems: list[Problem] = []
    places = read_places(folder, DISTRICTS, problems)
    return places, [(Path(each.path).name, each.line, each.key, each.what) for each in problems]


def sheet(folder: Path, rows: str, head: str = HEAD) -> list[tuple[int, str, str]]:
    """Write a sheet, and say what is wrong with it."""
    (folder / PLACES).write_text(head + rows, "utf-8")
    return [wrong[1:] for wrong in read(folder)[1]]


def square(district: object, west: float, south: float = 33.0, side: float = 1.0) -> dict[str, object]:
    """Draw a district as a square, in degrees."""
    east, north = west + side, south + side
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "properties": {"id": district},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def drawn(folder: Path, *features: object) -> list[tuple[int, str, str]]:
    """Write a map with one feature a line, and say what is wrong with it."""
    lines = ",\n".join(json.dumps(feature) for feature in features)
    (folder / OUTLINES).write_text(f'{{"type": "FeatureCollection",\n"features": [\n{lines}\n]}}', "utf-8")
    return [wrong[1:] for wrong in read(folder)[1]]


def test_a_city_without_the_files_finds_no_places(tmp_path: Path) -> None:
    """Both files may be absent, and that is no mistake."""
    assert (Places(None, None), []) == read(tmp_path)


def test_the_sample_city_finds_its_places(baghdad: Places) -> None:
    """Of the messages that name a place of Baghdad nine in ten are put right, and hardly any other is put anywhere."""
    assert baghdad.gazetteer is not None
    rows = [json.loads(line) for line in MESSAGES.read_text("utf-8").splitlines()]
    named = [row for row in rows if row["districts"]]
    found = [(baghdad.gazetteer.find(row["text"]), set(row["districts"])) for row in named]
    right = sum(bool(place) and set(place.districts) <= expected for place, expected in found if place)
    false = sum(baghdad.gazetteer.find(row["text"]) is not None for row in rows if not row["districts"])

    assert right >= 0.9 * len(named)
    assert false <= 0.01 * (len(rows) - len(named))


@pytest.mark.parametrize(
    ("latitude", "longitude", "expected"),
    [
        (33.3800, 44.3380, {"kadhimiya"}),  # the shrine
        (33.3722, 44.3583, {"adhamiya"}),  # Abu Hanifa, across the river from it
        (33.3253, 44.4125, {"rusafa", "karrada"}),  # Tahrir Square
        (33.3087, 44.3870, {"karkh"}),  # Karradat Mariam
        (33.2725, 44.3810, {"karrada"}),  # the university, in the river's bend
        (33.2500, 44.3980, {"dora"}),
        (33.2640, 44.3450, {"rashid"}),  # Bayaa
        (33.3005, 44.3350, {"mansour"}),  # Yarmouk
        (33.3700, 44.2860, {"shula"}),
        (33.3890, 44.4583, {"sadr1", "sadr2"}),
        (33.3310, 44.4560, {"ghadeer"}),  # Zayouna
        (33.3050, 44.4880, {"new-baghdad"}),
        (33.4060, 44.4080, {"shaab"}),
        (33.3060, 44.1850, {None}),  # Abu Ghraib
        (33.7400, 44.6300, {None}),  # Baquba
    ],
)
def test_known_points_lie_in_their_municipality(
    baghdad: Places, latitude: float, longitude: float, expected: set[str | None]
) -> None:
    """The outlines are approximate, yet well-known places of each municipality lie in it, and other towns in none."""
    assert baghdad.areas is not None
    assert baghdad.areas.district(latitude, longitude) in expected


def test_a_sheet_of_any_spreadsheet_is_read(tmp_path: Path) -> None:
    """Commas, semicolons or tabs, with or without the mark and the line ends of Windows: the same places."""
    for comma, end in ((",", "\n"), (";", "\r\n"), ("\t", "\n")):
        rows = [("name", "districts", "variants"), ("الحي الشمالي", "north", "الشمالي|North")]
        (tmp_path / PLACES).write_bytes(
            b"\xef\xbb\xbf" + end.join(comma.join(row) for row in rows).encode() + end.encode()
        )
        places, problems = read(tmp_path)
        assert [] == problems
        assert places.gazetteer is not None
        found = places.gazetteer.find("ماكو ماي بالشمالي")
        assert found is not None
        assert ("north", "الحي الشمالي") == (found.district, found.name)


def test_each_mistake_in_the_sheet_is_told_with_its_line(tmp_path: Path) -> None:
    """A district or mark that does not exist, a name given twice, a cell too many, a name without letters."""
    rows = (
        "الشمالي,,north,,\n"
        "الجنوبي,,suoth,maybe,\n"
        "الشمالي,,south,,\n"
        "القديم,ساحة,north,,,الجديد\n"
        "!!,,north,,\n"
        "ق # الاول,,north,,\n"
    )
    wrong = {(line, key): what for line, key, what in sheet(tmp_path, rows)}

    assert {(3, "word"), (3, "districts"), (4, "الشمالي"), (5, "القديم"), (6, "name"), (7, "name")} == set(wrong)
    assert "did you mean 'south'?" in wrong[3, "districts"]
    assert "home, yes" in wrong[3, "word"]
    assert "line 2" in wrong[4, "الشمالي"]
    assert "6 cells" in wrong[5, "القديم"]
    assert "no letter" in wrong[6, "name"]
    assert "قطاع ##" in wrong[7, "name"]


def test_a_sheet_whose_first_line_is_no_head_is_refused(tmp_path: Path) -> None:
    """A clerk who deleted or mistyped the first line is told what belongs there."""
    assert [(1, "nmae"), (1, "name")] == [wrong[:2] for wrong in sheet(tmp_path, "الشمالي,north\n", "nmae,districts\n")]
    assert "did you mean 'name'?" in sheet(tmp_path, "", "nmae,districts\n")[0][2]
    assert [(1, "", "is not CSV: unexpected end of data")] == sheet(tmp_path, "", '"name,districts')
    assert ["name"] == [key for _, key, _ in sheet(tmp_path, "", "")]


def test_a_place_outside_the_city_may_be_listed_without_a_district(tmp_path: Path) -> None:
    """So that its name is known, and no complaint from there is put on this city's map."""
    assert [] == sheet(tmp_path, "البصرة,,,,\nالشمالي,,north,,\n")
    gazetteer = read(tmp_path)[0].gazetteer
    assert gazetteer is not None
    assert gazetteer.find("بالبصرة ماكو ماي") is None


def test_a_sound_map_puts_pins_into_districts(tmp_path: Path) -> None:
    """What stands in the file is what a pin is measured against."""
    assert [] == drawn(tmp_path, square("north", 44.0, 34.0), square("south", 44.0, 33.0))
    areas = read(tmp_path)[0].areas
    assert areas is not None
    assert ("north", "south") == (areas.district(34.5, 44.5), areas.district(33.5, 44.5))


def test_each_mistake_in_the_map_is_told_with_its_line(tmp_path: Path) -> None:
    """Unknown or missing ids, other shapes than outlines, crossed lines, metres instead of degrees."""
    crossed = square("south", 44.0)
    crossed["geometry"] = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    point = square("south", 44.0)
    point["geometry"] = {"type": "Point", "coordinates": [44.0, 33.0]}
    short = square("south", 44.0)
    short["geometry"] = {"type": "Polygon", "coordinates": [[[44.0, 33.0], [44.0, 33.0]]]}
    wrong = drawn(
        tmp_path, square("north", 44.0), square("nroth", 45.0), square(7, 46.0), crossed, point, short,
        square("south", 440_000.0, 3_680_000.0), None,
    )  # fmt: skip

    assert [4, 5, 6, 7, 8, 9, 10] == [line for line, _, _ in wrong]
    assert "did you mean 'north'?" in wrong[0][2]
    assert "features[3].properties.id" == wrong[1][1]
    assert "crosses itself" in wrong[2][2]
    assert all("no Polygon" in what for _, _, what in wrong[3:5])
    assert "WGS 84" in wrong[5][2]


def test_districts_drawn_over_each_other_or_not_at_all_are_told(tmp_path: Path) -> None:
    """A point must belong to one district, and every district must be on the map; a sliver's overlap is forgiven."""
    assert [(0, "features[south]")] == [
        one[:2] for one in drawn(tmp_path, square("north", 44.0), square("south", 44.5))
    ]
    assert [] == drawn(tmp_path, square("north", 44.0), square("south", 44.999))
    assert [(0, "features", "has no outline for 'south'")] == drawn(tmp_path, square("north", 44.0))


@pytest.mark.parametrize(
    ("text", "line"), [('{"features":\n[,]}', 2), ('{"type": "Feature"}', 0), ("[" * 100_000, 0), ("7", 0)]
)
def test_a_file_that_is_no_map_is_refused(tmp_path: Path, text: str, line: int) -> None:
    """Whatever else it holds, it is one problem and never a traceback."""
    (tmp_path / OUTLINES).write_text(text, "utf-8")
    _, problems = read(tmp_path)

    assert [(OUTLINES, line)] == [wrong[:2] for wrong in problems]
