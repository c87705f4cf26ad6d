"""Reading a city: what a good one holds, and that each mistake in a file is named with its file, line and key."""

from __future__ import annotations

import shutil
import time
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.message import Purpose
from gateway.city.city import load
from gateway.city.lines import lines
from gateway.city.phrases import PHRASES
from gateway.city.problems import CityError

BAGHDAD = Path(__file__).parents[2] / "config" / "cities" / "baghdad"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the sample city to spoil."""
    return Path(shutil.copytree(BAGHDAD, tmp_path / "town"))


def problems(folder: Path) -> list[tuple[str, int, str, str]]:
    """Load a city that must fail, and say what it says is wrong."""
    with pytest.raises(CityError) as caught:
        load(str(folder))
    return [
        (str(Path(problem.path).relative_to(folder)), problem.line, problem.key, problem.what)
        for problem in caught.value.problems
    ]


def spoil(folder: Path, file: str, old: str, new: str) -> int:
    """Replace the first `old` in a file, and return the line on which it stood."""
    path = folder / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    return text.count("\n", 0, text.index(old)) + 1


def test_the_sample_city_is_read_whole() -> None:
    """Names, window, triage desk, vocabulary, rules and phrases of Baghdad are there as its files say."""
    city = load("baghdad")

    assert ("baghdad", "بغداد", "Baghdad") == (city.id, city.names["ar"], city.names["en"])
    assert ("Asia/Baghdad", "IQ", ("ar", "en")) == (str(city.timezone), city.region, city.languages)
    assert (timedelta(minutes=15), "citizens", "124") == (city.amend_window, city.triage, city.hotline)
    assert {"104", "115", "122"} == {emergency.number for emergency in city.emergency}
    assert ("water", "دائرة ماء بغداد") == (city.departments["water"].id, city.departments["water"].names["ar"])
    assert {"amqp"} == {department.delivery for department in city.departments.values()}
    assert {"staff.conduct"} == city.vocabulary.confidential
    assert set(city.categories) == city.vocabulary.categories
    assert city.rules.rules[-1].unconditional


def test_the_path_of_a_folder_is_as_good_as_a_name(folder: Path) -> None:
    """A city outside the program is read the same way, to the same version."""
    assert load("baghdad").version == load(str(folder)).version


def test_the_version_changes_with_any_byte(folder: Path) -> None:
    """Whoever compares versions sees that a clerk changed one word of one file."""
    before = load(str(folder)).version
    for file in ("words/water.toml", "phrases/en.ftl", "rules.toml"):
        with (folder / file).open("a", encoding="utf-8") as text:
            text.write("\n")
        after = load(str(folder)).version
        assert after != before
        before = after


def test_windows_editors_do_no_harm(folder: Path) -> None:
    """A file saved with a byte order mark and with CR LF is read like any other."""
    for path in (path for path in folder.rglob("*.*") if path.suffix != ".npz"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    assert "استلمنا بلاغكم. رقمه:\n" in load(str(folder)).phrases.say("ar", "receipt", reference="1", pin="2")


def test_reading_a_city_takes_little_time() -> None:
    """The house starts within two seconds, of which the city's files may take a small part."""
    load("baghdad")
    spent = []
    for _ in range(3):
        begun = time.process_time()
        load("baghdad")
        spent.append(time.process_time() - begun)

    assert min(spent) < 1.0  # seconds; half of one on a quiet machine


@pytest.mark.parametrize("name", ["bagdad", "", "../baghdad", "no/such/folder"])
def test_an_unknown_city_names_the_setting_and_what_there_is(name: str) -> None:
    """A mistyped BALAGH_CITY is told in one line."""
    with pytest.raises(CityError) as caught:
        load(name)

    assert f"BALAGH_CITY: no city {name!r} here; known: baghdad; or give the path of a folder" == str(caught.value)


ONE_MISTAKE = [
    # file, what stands there, what stands there instead, lines further down, key, and the beginning of the complaint
    ("city.toml", 'id = "baghdad"', 'id = "Baghdad City"', 0, "id", "'Baghdad City' is not allowed: small latin"),
    ("city.toml", 'hotline = "124"', "hotline = 124", 0, "hotline", "input should be a valid string, not 124"),
    ("city.toml", 'hotline = "124"', 'hotline = "one"', 0, "hotline", "'one' is not allowed: digits only"),
    (
        "city.toml",
        'hotline = "124"',
        'hot_line = "124"',
        0,
        "hot_line",
        "'hot_line' is not known (did you mean 'hotline'?)",
    ),
    ("city.toml", 'timezone = "Asia/Baghdad"', 'timezone = "Bagdad"', 0, "timezone", "'Bagdad' is no IANA time zone"),
    ("city.toml", 'region = "IQ"', 'region = "iq"', 0, "region", "'iq' is no ISO 3166 country"),
    (
        "city.toml",
        "minutes = 15 ",
        "minutes = -1 ",
        0,
        "amend_window_minutes",
        "input should be greater than or equal to 0",
    ),
    (
        "city.toml",
        'triage = "citizens"',
        'triage = "citizen"',
        0,
        "triage",
        "'citizen' is not known (did you mean 'citizens'?)",
    ),
    ("city.toml", '["ar", "en"]', '["ar", "ar", "en"]', 0, "languages[2]", "'ar' stands there for the second time"),
    (
        "city.toml",
        '["ar", "en"]',
        '["ar", "english"]',
        0,
        "languages[2]",
        "'english' is not allowed: a BCP 47 language",
    ),
    ("city.toml", '"START", "UNSTOP"', '"START", "stop"', 0, "opt_in[11]", "'stop' also stands under opt_out"),
    ("city.toml", '"START", "UNSTOP"', '"START", "…"', 0, "opt_in[11]", "'…' holds no letter or digit"),
    ("city.toml", 'number = "115"', "number = 115", 0, "emergency[2].number", "input should be a valid string"),
    ("city.toml", 'ar = "النجدة", ', "", 0, "emergency[3].names.ar", "is missing: city.toml names this language"),
    ("city.toml", 'hotline = "124"', "hotline = ", 0, "", "is not valid TOML: invalid value"),
    (
        "departments.toml",
        'id = "roads"',
        'id = "water"',
        0,
        "department[water].id",
        "'water' stands there for the second",
    ),
    (
        "departments.toml",
        'delivery = "amqp"',
        'delivery = "post"',
        0,
        "department[water].delivery",
        "must be 'amqp' or 'pull', not 'post'",
    ),
    (
        "departments.toml",
        "withhold_contact = false",
        "withhold_contact = 0",
        0,
        "department[water].withhold_contact",
        "input should be a valid boolean",
    ),
    ("departments.toml", 'id = "parks"\n', "", -1, "department[8].id", "is missing"),
    (
        "categories.toml",
        'department = "lighting"',
        'department = "lightning"',
        0,
        "category[lighting.broken].department",
        "'lightning' is not known (did you mean 'lighting'?)",
    ),
    (
        "categories.toml",
        'id = "noise"',
        'id = "Noise"',
        0,
        "category[Noise].id",
        "'Noise' is not allowed: small latin letters",
    ),
    (
        "categories.toml",
        'department = "inspector"\nconfidential = true',
        'department = "inspector"\nconfidental = true',
        1,
        "category[staff.conduct].confidental",
        "'confidental' is not known (did you mean 'confidential'?)",
    ),
    ("districts.toml", 'en = "Dora"', 'en = "  "', 0, "district[dora].names.en", "is empty"),
    (
        "districts.toml",
        'en = "Dora"',
        'fr = "Dora"',
        0,
        "district[dora].names.fr",
        "'fr' is not known; allowed: ar, en",
    ),
    (
        "words/environment.toml",
        'id = "noise"',
        'id = "nois"',
        0,
        "category[nois].id",
        "'nois' is not known (did you mean 'noise'?)",
    ),
    ("danger.toml", "[alone]", "[alome]", 0, "alome", "'alome' is not known (did you mean 'alone'?)"),
    (
        "words/environment.toml",
        'id = "noise"\nstrong = [',
        'id = "noise"\nstrang = [',
        1,
        "category[noise].strang",
        "'strang' is not known (did you mean 'strong'?)",
    ),
    (
        "rules.toml",
        'department = "roads"',
        'department = "road"',
        0,
        "rule[roads].department",
        "'road' is not known (did you mean 'roads'?)",
    ),
    (
        "rules.toml",
        'department = "roads"',
        'department = "roads"\ndistrict = "dorra"',
        1,
        "rule[roads].district",
        "'dorra' is not known (did you mean 'dora'?)",
    ),
    (
        "rules.toml",
        'department = "roads"',
        'department = "roads"\nchannel = ["sms", "pigeon"]',
        1,
        "rule[roads].channel[2]",
        "must be 'api', 'app', ",
    ),
    (
        "rules.toml",
        'department = "roads"',
        'department = "roads"\nkind = "query"',
        1,
        "rule[roads].kind[1]",
        "must be 'complaint', 'request', 'suggestion' or 'enquiry', not 'query'",
    ),
    (
        "rules.toml",
        'department = "roads"',
        'department = "roads"\nmin_confidence = 1.5',
        1,
        "rule[roads].min_confidence",
        "input should be less than or equal to 1",
    ),
    (
        "rules.toml",
        'department = "roads"',
        'department = "roads"\nreason = { ar = "حفر" }',
        1,
        "rule[roads].reason.en",
        "is missing: city.toml names this language",
    ),
    (
        "rules.toml",
        '[[rule]]\nid = "social"',
        '[[rule]]\nid = "late"\ncategory = "water.leak"\ndepartment = "water"\n\n[[rule]]\nid = "social"',
        0,
        "rule[late]",
        "is never reached: the rule 'water' above it fits all that this one fits",
    ),
    (
        "rules.toml",
        'id = "triage"\ndepartment = "citizens"',
        'id = "triage"\ndepartment = "water"',
        1,
        "rule[triage].department",
        "the last rule must go to the triage desk, 'citizens', not to 'water'",
    ),
    (
        "rules.toml",
        'id = "triage"\n',
        'id = "triage"\nkind = "enquiry"\n',
        -1,
        "rule[triage]",
        "is the last rule, so it must catch everything",
    ),
    (
        "rules.toml",
        'id = "triage"\n',
        'id = "water"\n',
        0,
        "rule[water].id",
        "'water' stands there for the second time",
    ),
    ("phrases/ar.ftl", "receipt =", "reciept =", 0, "reciept", "'reciept' is not known (did you mean 'receipt'?)"),
    (
        "phrases/ar.ftl",
        "{ $pin }\n    احت",
        "{ $pim }\n    احت",
        -3,
        "receipt",
        "'$pim' is not known (did you mean '$pin'?)",
    ),
    ("phrases/en.ftl", "Secret PIN: { $pin }\n    Keep", "Keep", -3, "receipt", "must say { $pin }"),
    (
        "phrases/en.ftl",
        "Accepted by { $department }",
        "Accepted",
        -1,
        "status-accepted",
        "does not say { $department }, and ar.ftl does",
    ),
    (
        "phrases/en.ftl",
        "Accepted by { $department }",
        "Accepted by { -office }",
        -1,
        "status-accepted",
        "-office is not defined in this file",
    ),
    ("phrases/en.ftl", "event-closed =", "event-closed", 0, "", 'is not valid Fluent: Expected token: "="'),
    ("phrases/en.ftl", "event-closed =", "event-opened =", 0, "event-opened", "'event-opened' is not known"),
]


def test_a_phrase_that_is_spoiled_is_not_called_missing(folder: Path) -> None:
    """One slip is told once, where it stands."""
    line = spoil(folder, "phrases/en.ftl", "event-closed =", "event-closed")

    expected = [("phrases/en.ftl", line, "", 'is not valid Fluent: Expected token: "="')]
    assert expected == problems(folder)


@pytest.mark.parametrize(
    ("old", "new", "guess"),
    [
        ('hotline = "124"', 'hotline = "124', ': is a closing " missing?'),
        ('hotline = "124"', "hotline = '124", ': is a closing " missing?'),
        ('languages = ["ar", "en"]', 'languages = ["ar", "en"', ": is a comma or ] missing?"),
        ('languages = ["ar", "en"]', 'languages = ["ar" "en"]', ": is a comma or ] missing?"),
        ('hotline = "124"', 'hotline = """124', ': is a closing " missing?'),
    ],
)
def test_what_is_probably_missing_is_asked_for(folder: Path, old: str, new: str, guess: str) -> None:
    """A clerk knows quotation marks and commas, and no parser's words."""
    spoil(folder, "city.toml", old, new)
    [(file, _, _, what)] = problems(folder)

    assert ("city.toml", True) == (file, what.startswith("is not valid TOML: "))
    assert what.endswith(guess)


@pytest.mark.parametrize(
    ("file", "old", "new", "down", "key", "what"),
    ONE_MISTAKE,
    ids=[f"{row[0]}:{row[4]}:{n}" for n, row in enumerate(ONE_MISTAKE)],
)
def test_a_mistake_is_named_by_file_line_and_key(
    folder: Path, file: str, old: str, new: str, down: int, key: str, what: str
) -> None:
    """A clerk who slips is told the file, the line, the key, what is wrong and what is allowed."""
    line = spoil(folder, file, old, new) + down
    found = problems(folder)

    assert [(file, line, key)] == [row[:3] for row in found if row[3].startswith(what)], found


def test_a_narrow_rule_may_stand_above_a_wide_one(folder: Path) -> None:
    """An exception for one district above the rule for the whole city is what order is for."""
    exception = '[[rule]]\nid = "dora"\ncategory = "water.leak"\ndistrict = "dora"\ndepartment = "sewage"\n\n'
    spoil(folder, "rules.toml", '[[rule]]\nid = "water"', f'{exception}[[rule]]\nid = "water"')

    assert ["dora", "water"] == [rule.id for rule in load(str(folder)).rules.rules][4:6]


def test_a_phrase_that_is_missing_is_named_for_its_language(folder: Path) -> None:
    """What the house must say and a language cannot say is found before a citizen waits for it."""
    spoil(folder, "phrases/ar.ftl", "event-closed =\n    أُغلق البلاغ\n", "")

    assert [("phrases/ar.ftl", 0, "event-closed", "is missing")] == problems(folder)


@pytest.mark.parametrize(
    ("file", "what"),
    [("rules.toml", "cannot be read"), ("phrases/en.ftl", "cannot be read"), ("city.toml", "cannot be read")],
)
def test_a_file_that_is_missing_is_named(folder: Path, file: str, what: str) -> None:
    """Every file of a city must be there."""
    (folder / file).unlink()
    found = problems(folder)

    assert [(file, 0, "")] == [row[:3] for row in found]
    assert found[0][3].startswith(what)


def test_a_file_that_nobody_reads_is_named(folder: Path) -> None:
    """A file whose name is mistyped does not lie there unread."""
    (folder / "rule.toml").write_text("")

    assert [("rule.toml", 0, "")] == [row[:3] for row in problems(folder)]
    assert "did you mean 'rules.toml'?" in problems(folder)[0][3]


def test_another_encoding_is_named_with_its_line(folder: Path) -> None:
    """A file saved as Windows Arabic is refused, not read as garbage."""
    path = folder / "districts.toml"
    path.write_bytes(path.read_bytes().replace("الدورة".encode(), "الدورة".encode("cp1256")))
    line = path.read_bytes().split(b"\n[[district]]")[0].count(b"\n")
    [(file, found, key, what)] = problems(folder)

    assert ("districts.toml", "", "is not UTF-8; save the file with the encoding UTF-8") == (file, key, what)
    assert found > line


def test_all_problems_are_told_at_once(folder: Path) -> None:
    """One look at the message mends everything: no file is left for the next try."""
    line = spoil(folder, "city.toml", 'hotline = "124"', "hotline = 124")
    spoil(folder, "departments.toml", 'delivery = "amqp"', 'delivery = "post"')
    spoil(folder, "categories.toml", 'department = "waste"', 'department = "wast"')
    spoil(folder, "words/environment.toml", 'id = "noise"', 'id = "nose"')
    spoil(folder, "rules.toml", 'department = "roads"', 'department = "road"')
    found = problems(folder)

    files = {"city.toml", "departments.toml", "categories.toml", "words/environment.toml", "rules.toml"}
    assert files == {row[0] for row in found}
    with pytest.raises(CityError) as caught:
        load(str(folder))
    assert len(found) == len(str(caught.value).splitlines())
    assert f"{folder / 'city.toml'}:{line}: hotline: input should be a valid string, not 124" in str(caught.value)


def test_a_category_without_words_or_rule_is_named(folder: Path) -> None:
    """A new category that nothing speaks for, or that no rule sends anywhere, is no accident that goes unseen."""
    with (folder / "categories.toml").open("a", encoding="utf-8") as file:
        file.write('\n[[category]]\nid = "river.bank"\nnames = { ar = "الضفاف", en = "Banks" }\ndepartment = "parks"\n')
    line = (folder / "categories.toml").read_text("utf-8").splitlines().index('id = "river.bank"') + 1

    assert [
        ("categories.toml", line, "category[river.bank].id", "'river.bank' has no words in words/"),
        (
            "categories.toml",
            line,
            "category[river.bank].id",
            "no rule names 'river.bank', so it would never reach 'parks'",
        ),
    ] == problems(folder)


def test_a_city_without_the_unclear_category_is_refused(folder: Path) -> None:
    """Every city has the category of what cannot be told."""
    spoil(folder, "categories.toml", 'id = "other"', 'id = "various"')

    assert "'other' is missing: it is what an unclear complaint is about" in {row[3] for row in problems(folder)}


def test_phrases_are_said_in_the_nearest_language() -> None:
    """A reply is in the citizen's language where the city speaks it, and in the city's own where it does not."""
    say = load("baghdad").phrases.say

    assert "أُغلق البلاغ" == say("ar", "event-closed") == say("ar-Latn", "event-closed") == say("ckb", "event-closed")
    assert "The report was closed" == say("en", "event-closed") == say("en-GB", "event-closed")
    assert "Sent to Parks" == say("en", "status-offered", department="Parks")


def test_a_phrase_without_what_it_needs_is_a_mistake_of_ours() -> None:
    """Nobody is ever told "your reference is {$reference}"."""
    say = load("baghdad").phrases.say

    with pytest.raises(KeyError, match="receipt"):
        say("ar", "receipt", reference="4821 093 756")
    with pytest.raises(KeyError, match="farewell"):
        say("ar", "farewell")


def test_hostile_arguments_stay_words() -> None:
    """What is put into a phrase is never read as a phrase."""
    hostile = '{ $pin } <b>"\u202e'

    assert f"Sent to {hostile}" == load("baghdad").phrases.say("en", "status-offered", department=hostile)


def test_every_status_and_event_of_a_complaint_can_be_told() -> None:
    """The tracking page has words for whatever happens."""
    city = load("baghdad")
    for phrase in PHRASES:
        for language in city.languages:
            assert city.phrases.say(language, phrase, reference="1", pin="2", department="3").strip()


@pytest.mark.parametrize(
    ("message", "purpose"),
    [
        ("STOP", Purpose.OPT_OUT),
        ("stop.", Purpose.OPT_OUT),
        ("إيقاف", Purpose.OPT_OUT),
        ("ايقاف", Purpose.OPT_OUT),
        ("الغاء الاشتراك", Purpose.OPT_OUT),
        ("START", Purpose.OPT_IN),
        ("ابدأ", Purpose.OPT_IN),
        ("cancel", Purpose.MESSAGE),
        ("نريد إيقاف الحفر", Purpose.MESSAGE),
        ("stop the noise please", Purpose.MESSAGE),
    ],
)
def test_the_citys_words_for_silence_are_whole_messages(message: str, purpose: Purpose) -> None:
    """Only a message that says nothing else ends the messages; a complaint with the word in it is a complaint."""
    assert purpose == load("baghdad").reader.asks(message)


def test_lines_of_a_document_are_found_whatever_its_shape() -> None:
    """Comments, quoted keys, dotted keys, strings over lines, nested lists and tables do not lose count."""
    document = '''# one
a = 1
"b.c" = "x # no comment" # three
d.e = [ # four
  "]", # five
  { f = 1, g = [2, 3] }, # six
]
h = """
[[not.a.table]]
\\"""
""" # eleven
[t]
i = 'C:\\' # thirteen
[[r]]
id = "first"
[[r]]
  id = "second"
  [r.inner]
  j = 1979-05-27T07:32:00Z
'''
    found = lines(document)

    assert {
        ("a",): 2,
        ("b.c",): 3,
        ("d",): 4,
        ("d", "e"): 4,
        ("d", "e", 0): 5,
        ("d", "e", 1): 6,
        ("d", "e", 1, "f"): 6,
        ("d", "e", 1, "g"): 6,
        ("d", "e", 1, "g", 0): 6,
        ("d", "e", 1, "g", 1): 6,
        ("h",): 8,
        ("t",): 12,
        ("t", "i"): 13,
        ("r",): 14,
        ("r", 0): 14,
        ("r", 0, "id"): 15,
        ("r", 1): 16,
        ("r", 1, "id"): 17,
        ("r", 1, "inner"): 18,
        ("r", 1, "inner", "j"): 19,
    } == found


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12), min_size=1, max_size=6))
def test_lines_count_through_any_words(words: list[str]) -> None:
    """Whatever a clerk writes between quotation marks, the entries keep their lines."""
    entries = [word.replace("\\", "\\\\").replace('"', '\\"') for word in words]
    document = "words = [\n" + "".join(f'  "{entry}",\n' for entry in entries) + "]\n"

    assert list(range(2, len(words) + 2)) == [lines(document)["words", n] for n in range(len(words))]
