"""A city's rules: what a clerk may write, each mistake by file, line and key, and what the router makes of it."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from gateway.city.city import City, load
from gateway.city.problems import CityError
from gateway.city.rules_candidate import candidate
from normalizer.complaint import Priority
from router.rules import Days, RuleTable

BAGHDAD = Path(__file__).parents[2] / "config" / "cities" / "baghdad"
LAST = '[[rule]]\nid = "rest"\ndepartment = "citizens"\n'
EVERY = (
    '[[rule]]\nid = "every"\ndepartment = "water"\ncategory = ["water.*", "sewage.*", "drainage.*", "electricity.*", '
    '"lighting.*", "waste.*", "roads.*", "traffic.*", "transport.*", "parks.*", "buildings.*", "encroachment.*", '
    '"health.*", "animals.*", "noise", "pollution.*", "social.*", "revenue.*", "licensing.*", "staff.*"]\n'
)


@pytest.fixture(scope="module")
def city() -> City:
    """Read the sample city once."""
    return load("baghdad")


def table(city: City, tmp_path: Path, *rules: str) -> RuleTable:
    """Read these rules, with one for every category and the last one below them."""
    path = tmp_path / "rules.toml"
    path.write_text("min_confidence = 0.9\n" + "".join(f"[[rule]]\n{rule}\n" for rule in rules) + EVERY + LAST, "utf-8")
    return candidate(city, path)


def problems(city: City, tmp_path: Path, *rules: str) -> list[str]:
    """Read rules that must be refused, and return each mistake as it is said, without the path."""
    with pytest.raises(CityError) as caught:
        table(city, tmp_path, *rules)
    return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]


def test_everything_a_rule_can_ask_for_and_do(city: City, tmp_path: Path) -> None:
    """Each key of the file is the rule's that the router knows; one value stands for a list of one."""
    rule = table(
        city,
        tmp_path,
        'id = "all"\ncategory = "water.*"\nwords = ["ماء "]\ndistrict = "dora"\nkind = "request"\nchannel = "sms"\n'
        'hours = "22:00-06:00"\ndays = ["friday", "holiday", "2027-02-08..2027-03-09", "2027-04-01"]\n'
        'priority = ["normal", "high"]\npublic = false\nvulnerable = true\nis_confidential = false\n'
        'min_confidence = 0.95\ndepartment = "water"\nset_priority = "distress"\nnotice = ["sewage", "citizens"]\n'
        'confidential = true\nreason = { ar = "سبب", en = "because" }',
    ).rules[0]

    assert {"water.outage", "water.leak", "water.quality"} == rule.categories
    assert (("ماء",), {"dora"}, {"request"}, {"sms"}) == (rule.words, rule.districts, rule.kinds, rule.channels)
    assert {*range(22 * 60, 24 * 60), *range(6 * 60)} == rule.hours
    assert (
        Days(
            frozenset({4}),
            holidays=True,
            periods=((date(2027, 2, 8), date(2027, 3, 9)), (date(2027, 4, 1), date(2027, 4, 1))),
        )
        == rule.days
    )
    assert ({"normal", "high"}, False, True, False) == (rule.priorities, rule.public, rule.vulnerable, rule.hidden)
    assert (0.95, "water", Priority.DISTRESS) == (rule.min_confidence, rule.department, rule.raises)
    assert (("sewage", "citizens"), True, "because") == (rule.notice, rule.confidential, rule.reason["en"])


ONE_MISTAKE = [
    (
        'category = "watr.leak"\ndepartment = "water"',
        "4: rule[r].category: 'watr.leak' is not known (did you mean 'water",
    ),
    (
        'category = "watr.*"\ndepartment = "water"',
        "4: rule[r].category: no category of categories.toml begins with 'watr.'",
    ),
    ('category = "Water"\ndepartment = "water"', "4: rule[r].category[1]: 'Water' is no category, such as water.leak"),
    ('words = "ماء"\ndepartment = "watr"', "5: rule[r].department: 'watr' is not known (did you mean 'water'?)"),
    ('district = "dorra"\ndepartment = "water"', "4: rule[r].district: 'dorra' is not known (did you mean 'dora'?)"),
    (
        'group = "schools"\ndepartment = "water"',
        "4: rule[r].group: 'schools' is no group: there is none in groups.toml",
    ),
    (
        'hours = "25:00-26:00"\ndepartment = "water"',
        "4: rule[r].hours[1]: '25:00-26:00' is no span of hours: write 08:00",
    ),
    ('hours = "08:00-08:00"\ndepartment = "water"', "4: rule[r].hours[1]: '08:00-08:00' begins when it ends"),
    ('days = "fryday"\ndepartment = "water"', "4: rule[r].days[1]: 'fryday' is no day: write monday, tuesday"),
    ('days = "2027-02-30"\ndepartment = "water"', "4: rule[r].days[1]: '2027-02-30' is no day"),
    (
        'days = "2027-03-02..2027-03-01"\ndepartment = "water"',
        "4: rule[r].days[1]: '2027-03-02..2027-03-01': the last day",
    ),
    ('words = "ماء"\nnotice = "harbour"\ndepartment = "water"', "5: rule[r].notice: 'harbour' is not known"),
    (
        'words = "ماء"\nset_priority = "normal"\ndepartment = "water"',
        "5: rule[r].set_priority: must be high or distress",
    ),
    ('words = ["ماء", "؟"]\ndepartment = "water"', "4: rule[r].words[2]: '؟' holds no letter or digit, so no text"),
    ('words = "ماء"', "2: rule[r]: decides nothing: give it a department, or at least a notice"),
    (
        'words = "ماء"\ndepartmnt = "water"',
        "5: rule[r].departmnt: 'departmnt' is not known (did you mean 'department'?)",
    ),
    ('words = "ماء"\npublic = "yes"\ndepartment = "water"', "5: rule[r].public: input should be a valid boolean"),
    (
        'words = "ماء"\ndepartment = "water"\nreason = { ar = "سبب" }',
        "6: rule[r].reason.en: is missing: city.toml names",
    ),
    ('department = "citizens"', "5: rule[every]: is never reached: the rule 'r' above it fits everything"),
]


@pytest.mark.parametrize(("rule", "expected"), ONE_MISTAKE)
def test_each_mistake_is_named_with_its_line_and_key(city: City, tmp_path: Path, rule: str, expected: str) -> None:
    """A clerk reads which file, which line, which key, what is wrong and what is allowed."""
    said = problems(city, tmp_path, f'id = "r"\n{rule}')

    assert [] != [one for one in said if one.startswith(f"rules.toml:{expected}")], said


def test_ids_that_nobody_has_are_named_beside_keys_that_do_not_fit(city: City, tmp_path: Path) -> None:
    """A clerk mends a file in one pass: each unknown id, also in a rule of which another key cannot be read."""
    said = problems(
        city,
        tmp_path,
        'id = "a b"\npublic = "yes"\ncategory = ["water.lake", "lakes.*"]\ndepartment = "watr"',
        'id = "s"\ndistrict = ["karkh", "nowhere"]\nwords = 7\ndepartment = "sewage"',
    )

    assert [
        "rules.toml:3: rule[a b].id",
        "rules.toml:4: rule[a b].public",
        "rules.toml:5: rule[a b].category",
        "rules.toml:5: rule[a b].category",
        "rules.toml:6: rule[a b].department",
        "rules.toml:9: rule[s].district",
        "rules.toml:10: rule[s].words",
    ] == [": ".join(one.split(": ")[:2]) for one in said]


def test_several_rules_that_leave_nothing_are_named(city: City, tmp_path: Path) -> None:
    """By day and by night: a third rule for the whole day is told by which two it is never reached."""
    said = problems(
        city,
        tmp_path,
        'id = "day"\ncategory = "noise"\nhours = "06:00-22:00"\ndepartment = "environment"',
        'id = "night"\ncategory = "noise"\nhours = "22:00-06:00"\ndepartment = "citizens"',
        'id = "noise"\ncategory = "noise"\ndepartment = "environment"',
    )

    assert 1 == len(said)
    assert said[0].startswith("rules.toml:12: rule[noise]: is never reached: the rules 'day', 'night' above it fit all")


def test_the_version_changes_with_what_is_decided_and_with_nothing_else(city: City, tmp_path: Path) -> None:
    """A remark or another order of keys is the same table; another word is another one."""
    one = table(city, tmp_path, 'id = "r"\nwords = "ماء"\ndepartment = "water"').version
    same = table(city, tmp_path, '# a remark\nid = "r"\ndepartment = "water"\nwords = ["ماء"]').version
    other = table(city, tmp_path, 'id = "r"\nwords = "مي"\ndepartment = "water"').version

    assert (one, 12) == (same, len(one))
    assert other != one


def test_rules_that_send_a_category_nowhere_are_refused(city: City, tmp_path: Path) -> None:
    """A table that forgets a category would leave it to the desk for ever: each one is named."""
    path = tmp_path / "rules.toml"
    without = EVERY.replace('"noise", ', "")
    path.write_text(f"min_confidence = 0.9\n{without}{LAST}", "utf-8")
    with pytest.raises(CityError, match="no rule names 'noise', so it would never reach 'environment'") as caught:
        candidate(city, path)

    assert 1 == len(caught.value.problems)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the sample city."""
    return Path(shutil.copytree(BAGHDAD, tmp_path / "town"))


def test_the_hotlines_feasts_are_the_calendars_holidays(city: City) -> None:
    """A season in which nobody answers is a holiday; Ramadan, with its shorter hours, is none."""
    assert (
        (date(2027, 3, 10), date(2027, 3, 12)),
        (date(2027, 5, 16), date(2027, 5, 19)),
    ) == city.rules.calendar.holidays
    assert "Asia/Baghdad" == str(city.rules.calendar.zone)


def test_groups_are_read_as_people_write_numbers(folder: Path) -> None:
    """A school's number in any spelling, its address in capitals: known when a complaint comes from them."""
    (folder / "groups.toml").write_text(
        '[[group]]\nid = "schools"\nphones = ["٠٧٧٠ ١٢٣ ٤٥٦٧"]\nemails = ["Head@School.example"]\n'
        'domains = ["@MOE.gov.iq"]\ninboxes = ["Governor@Baghdad.example"]\n',
        "utf-8",
    )
    group = load(str(folder)).rules.groups["schools"]

    assert {"+9647701234567", "head@school.example"} == group.addresses
    assert ({"moe.gov.iq"}, {"governor@baghdad.example"}) == (group.domains, group.inboxes)
    assert "770" not in repr(group)


def test_a_wrong_number_in_a_group_is_named_and_not_shown(folder: Path) -> None:
    """The mistake has its line and place; the number, which is somebody's, stands in no message."""
    (folder / "groups.toml").write_text(
        '[[group]]\nid = "schools"\nphones = [\n"+9647701234567",\n"0770123"]\nemails = ["nobody at home"]\n'
        '[[group]]\nid = "empty"\n',
        "utf-8",
    )
    with pytest.raises(CityError) as caught:
        load(str(folder))
    (folder / "groups.toml").write_text(
        '[[group]]\nid = "schools"\nphones = [\n"+9647701234567",\n"0770123"]\n[[group]]\nid = "empty"\n', "utf-8"
    )
    with pytest.raises(CityError) as further:
        load(str(folder))

    assert "groups.toml:6: group[schools].emails[1]: is no e-mail address" in str(caught.value)
    assert "groups.toml:5: group[schools].phones[2]: is no telephone number." in str(further.value)
    assert "groups.toml:6: group[empty]: names nobody" in str(further.value)
    assert "0770123" not in str(further.value) and "nobody at home" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["phones = 9647701234567", 'phones = "+9647701234567"', "emails = [9647701234567]"])
def test_a_group_written_wrongly_shows_nobodys_number(folder: Path, wrong: str) -> None:
    """A forgotten bracket or quotation mark is told by its place: the sentence stands in logs, and the number not."""
    (folder / "groups.toml").write_text(f'[[group]]\nid = "schools"\n{wrong}\n', "utf-8")
    with pytest.raises(CityError, match=r"groups\.toml:3: group\[schools\]\.(phones|emails)") as caught:
        load(str(folder))

    assert "7701234567" not in str(caught.value)


def test_two_forms_of_the_rules_are_one_too_many(folder: Path) -> None:
    """A city with rules.toml and rules.csv would have two answers: it is refused, naming both."""
    (folder / "rules.csv").write_text("id,department,min_confidence\nrest,citizens,0.5\n", "utf-8")

    with pytest.raises(CityError, match=r"rules\.csv: stands beside rules\.toml: keep one of the two"):
        load(str(folder))


def test_a_category_may_need_more_than_the_table(folder: Path) -> None:
    """What is dear to get wrong asks for more certainty in categories.toml."""
    path = folder / "categories.toml"
    path.write_text(
        path.read_text("utf-8").replace('department = "inspector"', 'department = "inspector"\nmin_confidence = 0.97'),
        "utf-8",
    )

    assert {"staff.conduct": 0.97} == load(str(folder)).rules.thresholds
