from __future__ import annotations

import pickle

import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import Cell, col, e164
from pumphouse.cleaning.step import BETWEEN, TOGETHER_MIN, Resources, different
from pumphouse.cleaning.steps.numbering_plans import NumberingPlans
from pumphouse.cleaning.steps.phones import FLOAT, PhoneReader

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
EXAMPLES = {
    region: phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    or phonenumbers.example_number(region)
    for region in REGIONS
}
FORMATS = [
    phonenumbers.PhoneNumberFormat.NATIONAL,
    phonenumbers.PhoneNumberFormat.INTERNATIONAL,
    phonenumbers.PhoneNumberFormat.RFC3966,
    phonenumbers.PhoneNumberFormat.E164,
]


def test_a_national_number_is_read_in_the_default_region() -> None:
    assert e164(default="DE").one("030 901820") == Cell(
        value="+4930901820", extra={"kind": "fixed line", "country": "DE"}, reason=None
    )


def test_the_rows_region_comes_before_the_default() -> None:
    step = e164(region=col.country, default="US")
    assert step.one("030 901820", country="de").value == "+4930901820"
    assert step.one("(212) 555-0123", country=None).value == "+12125550123"


def test_a_region_that_is_none_does_not_fall_back_to_the_default() -> None:
    cell = e164(region=col.country, default="US").one("212 555 0123", country="Germany")
    assert cell.value is None
    assert cell.reason == "no region 'GERMANY': an ISO 3166 code like US or DE is needed"
    assert e164(region=col.country).one("+49 30 901820", country="Germany").value == "+4930901820"


@pytest.mark.parametrize(
    "written",
    [
        "212 555 0123 ext. 12",
        "2125550123x12",
        "2125550123#12",
        "+1 212-555-0123 extension 12",
        "tel:+12125550123;ext=12",
    ],
)
def test_the_extension_is_kept_beside_the_number(written: str) -> None:
    cell = e164(default="US").one(written)
    assert (cell.value, cell.extra["extension"], cell.extra["country"]) == ("+12125550123", "12", "US")


@pytest.mark.parametrize(
    "written", ["2125550123.0", "2125550123.00", "2.125550123E+09", "2,125550123e9", 2125550123.0, 2125550123]
)
def test_a_number_that_was_a_float_is_the_number_again(written: object) -> None:
    assert e164(default="US").one(written).value == "+12125550123"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("2.12555E+09", "rounded by a spreadsheet: its last digits are gone"),
        ("ask Max", "not a phone number"),
        ("555 0123", "the area code is missing"),
        ("911", "an emergency number"),
        ("112", "an emergency number"),
        ("211", "a short number of one country"),
        ("12", "too short for a number under +1"),
        ("212 555 0123 44", "too long for a number under +1"),
        ("012 555 0123", "no such number under +1"),
        ("1-800-flowers", "letters among the digits"),
        ("1-212-FLOWERS", "letters among the digits"),
        ("1-800-356 93 Max", "letters among the digits"),
        ("212 555 0123 (home)", "letters among the digits"),
        ("2125550123 / 3105550123", "too long"),
        ("2125550123;3105550123", "two numbers in one cell"),
        ("+1 (415) 555-2671 / 72", "two numbers in one cell"),
        ("+49 30 901820 / 21", "two numbers in one cell"),
        ("2125550123, 3105550123", "not a phone number"),
        ("+999 12345678", "no such country code"),
        ("999 555 0123", "no such number under +1"),
    ],
)
def test_what_is_not_sure_is_declined_with_a_reason(written: str, reason: str) -> None:
    assert e164(default="US").one(written) == Cell(value=None, reason=reason)


def test_letters_are_never_taken_for_digits() -> None:
    # libphonenumber reads Max as 629, and +493090182629 is a valid number.
    assert e164(default="DE").one("030 90182 Max").reason == "letters among the digits"


def test_without_any_region_a_national_number_is_declined() -> None:
    assert e164().one("030 901820").reason == "no country code, and no region to read it by"


@pytest.mark.parametrize("gap", [None, "", "  "])
def test_a_gap_stays_a_gap_without_a_reason(gap: str | None) -> None:
    assert e164(default="US").one(gap) == Cell(value=None)


def test_a_region_given_as_text_is_refused_with_the_form_to_write() -> None:
    with pytest.raises(TypeError, match="default='US'"):
        e164(region="US")  # type: ignore[arg-type]


def test_a_default_region_that_is_no_code_is_refused_when_declared() -> None:
    with pytest.raises(ValueError, match="not 'Germany'"):
        e164(default="Germany")


@pytest.mark.parametrize(
    "kind", [pa.int64(), pa.float64(), pa.decimal128(14, 2), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]
)
def test_any_column_that_can_hold_a_number_is_read(kind: pa.DataType) -> None:
    column = pa.array(["2125550123", None, "2125550123"]).cast(
        kind.value_type if pa.types.is_dictionary(kind) else kind
    )
    if pa.types.is_dictionary(kind):
        column = column.dictionary_encode()
    cleaned = e164(default="US").load(Resources())(column, {})
    assert cleaned.values.to_pylist() == ["+12125550123", None, "+12125550123"]


@settings(deadline=None)
@given(st.sampled_from(REGIONS), st.sampled_from(FORMATS))
def test_every_countrys_example_is_read_as_it_is_printed_there(region: str, style: int) -> None:
    number = EXAMPLES[region]
    expected = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert e164(default=region).one(phonenumbers.format_number(number, style)).value == expected


@pytest.mark.parametrize(
    ("written", "default", "expected"),
    [
        ("4155552671.0", "US", "+14155552671"),
        ("4.155552671E9", "US", "+14155552671"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("1-800-GOT-JUNK", "US", "+18004685865"),
        ("0800 FLOWERS", "DE", "+498003569377"),
        ("４１５５５５２６７１", "US", "+14155552671"),
        ("٤١٥٥٥٥٢٦٧١", "US", "+14155552671"),
        ("tel:+1-415-555-2671", "DE", "+14155552671"),
        ("tel:555-2671;phone-context=+1415", None, "+14155552671"),
        ("030/901820", "DE", "+4930901820"),
        ("+49 (0)30 901820", None, "+4930901820"),
        ("0049 30 901820", "DE", "+4930901820"),
        ("011 49 30 901820", "US", "+4930901820"),
    ],
)
def test_numbers_are_read_as_people_write_them(written: str, default: str | None, expected: str) -> None:
    assert e164(default=default).one(written).value == expected


@pytest.mark.parametrize(
    ("written", "kind", "country"),
    [
        ("+49 1512 3456789", "mobile", "DE"),
        ("+49 30 901820", "fixed line", "DE"),
        ("+1 415 555 2671", "fixed line or mobile", "US"),
        ("+1 416 555 2671", "fixed line or mobile", "CA"),
        ("+1 800 356 9377", "toll free", "US"),
        ("+44 7781 123456", "mobile", "GG"),
        ("+7 701 1234567", "mobile", "KZ"),
        ("+800 1234 5678", "toll free", None),
    ],
)
def test_the_kind_of_a_number_and_its_country_stand_beside_it(written: str, kind: str, country: str | None) -> None:
    assert e164().one(written).extra == {"kind": kind} | ({"country": country} if country else {})


def test_the_same_digits_are_another_number_in_another_region() -> None:
    assert e164(default="DE").one("030 901820").value == "+4930901820"
    assert e164(default="US").one("030 901820").reason == "too short for a number under +1"
    step = e164(region=col.country, default="DE")
    assert step.one("030 901820", country=" ").value == "+4930901820"


ON_PURPOSE = {
    "letters among the digits",
    "two numbers in one cell",
    "rounded by a spreadsheet: its last digits are gone",
}
"""What is declined where the library guesses."""


def by_the_library(written: str, region: str | None) -> tuple[str | None, str | None, str | None]:
    """(E.164, kind, country) as the library has them."""
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None, None, None
    if not phonenumbers.is_valid_number(number):
        return None, None, None
    kind = phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(number)).lower().replace("_", " ")
    country = phonenumbers.region_code_for_number(number)
    value = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return value, {"personal number": "personal", "uan": "company"}.get(kind, kind), country


DIGITS = st.text(alphabet="0123456789", min_size=0, max_size=9)
MARKS = st.sampled_from(["", " ", "-", "/", " (0)", ".", "\u00a0", " - "])


@st.composite
def numbers(draw: st.DrawFn) -> tuple[str, str | None]:
    """A number as somebody may write it, in a region that is mostly its own."""
    region = draw(st.sampled_from(REGIONS))
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    kind = draw(st.sampled_from(phonenumbers.PhoneNumberType.values()[:10]))
    example = phonenumbers.example_number_for_type(region, kind) or EXAMPLES[region]
    national = phonenumbers.national_significant_number(example)
    end = draw(DIGITS)
    national = national[: max(0, len(national) - draw(st.integers(len(end) - 1, len(end) + 1)))] + end
    place = draw(st.integers(0, len(national)))
    national = national[:place] + draw(MARKS) + national[place:]
    code = example.country_code
    before = draw(
        st.sampled_from(
            [f"+{code}", f"+{code} ", f"00{code}", f"{code}", "", "", metadata.national_prefix or "", "0", "1"]
        )
    )
    after = draw(st.sampled_from(["", "", "", " x12", " ext. 9", ";ext=3", "#", " ", "A"]))
    asked = draw(st.one_of(st.just(region), st.sampled_from(REGIONS), st.none()))
    return before + draw(MARKS) + national + after, asked


@settings(deadline=None, max_examples=1000)
@given(numbers())
def test_numbers_of_every_region_are_what_the_library_says(written: tuple[str, str | None]) -> None:
    phone, region = written
    cell = e164(region=col.region).one(phone, region=region)
    if cell.reason in ON_PURPOSE or FLOAT.fullmatch(phone.strip()):
        return
    value, kind, country = by_the_library(phone, region)
    assert cell.value == value, (phone, region, cell)
    if value:
        assert (cell.extra["kind"], cell.extra.get("country", "001")) == (kind, country)


@settings(deadline=None, max_examples=300)
@example(("+297521200/ x12", "AW"))
@given(numbers())
def test_plain_digits_are_read_as_by_the_way_that_takes_any_text(written: tuple[str, str | None]) -> None:
    plans, (phone, region) = NumberingPlans(), written
    reader = PhoneReader(default=None)
    plain = reader._plain(plans, phone.strip(), region)
    assert plain in (None, reader._any(plans, phone.strip(), region))


ONE_READER, TOGETHER = PhoneReader(default="GB"), PhoneReader(default="GB")
STRANGE = st.tuples(
    st.text(alphabet="0123456789+-()/. xte:l\u00a0\x1f", max_size=24),
    st.sampled_from([*REGIONS, None, "de", " US ", "", "Germany", "X\x1f", "/."]),
)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(numbers(), numbers(), STRANGE), min_size=1, max_size=12))
def test_many_numbers_at_once_are_read_as_each_alone(rows: list[tuple[str, str | None]]) -> None:
    alone = [ONE_READER.number(*row) if row[0].strip() else (None,) * 5 for row in rows]
    keys, _ = different([pa.array([part[place] for part in rows], pa.string()) for place in (0, 1)])
    columns = TOGETHER.with_regions(keys)
    by_key = dict(zip(keys, zip(*(column.to_pylist() for column in columns), strict=True), strict=True))
    asked = [different([pa.array([part], pa.string()) for part in row])[0][0] for row in rows]
    assert [by_key[key] for key in asked] == alone


@pytest.mark.parametrize("region", REGIONS)
def test_national_numbers_of_every_length_are_read_at_once_as_each_alone(region: str) -> None:
    national = phonenumbers.national_significant_number(EXAMPLES[region])
    code = str(EXAMPLES[region].country_code)
    starts = ["", "0", "1", "8", "00", "011", code, f"00{code}", f"+{code}", f"+{code}0", f"{code}0", f"+{code}1"]
    phones = [start + (national + "0123")[:length] for start in starts for length in range(3, len(national) + 3)]
    phones += [f"{phone} x12" for phone in phones[:20]]
    columns = TOGETHER.with_regions([region + BETWEEN + phone for phone in phones])
    expected = [ONE_READER.number(phone, region) for phone in phones]
    assert list(zip(*(column.to_pylist() for column in columns), strict=True)) == expected


def test_a_column_of_many_numbers_is_cleaned_as_its_cells_are() -> None:
    phones = [f"030 90{number:04}" for number in range(TOGETHER_MIN + 50)]
    cleaned = e164(default="DE").load(Resources())(pa.array(phones), {})
    assert cleaned.values.to_pylist() == ["+49" + phone[1:].replace(" ", "") for phone in phones]
    assert set(cleaned.extra["kind"].to_pylist()) == {"fixed line"}
    again = pickle.loads(pickle.dumps(e164(default="DE").load(Resources())))(pa.array(phones), {})
    assert again.values.equals(cleaned.values)


@settings(deadline=None)
@given(st.text(alphabet="0123456789+-()/. xX#eE,;abc٣", max_size=24), st.sampled_from(["US", "DE", "IT", "AR", None]))
def test_a_cleaned_number_cleaned_again_is_itself(written: str, default: str | None) -> None:
    cell = e164(default=default).one(written)
    if cell.value is not None:
        again = Cell(value=cell.value, extra={name: cell.extra[name] for name in cell.extra if name != "extension"})
        assert e164(default=default).one(cell.value) == again
        assert e164().one(cell.value) == again
    else:
        assert cell.reason or not written.strip()


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["030 901820", "212 555 0123 x4", "x", "", None]), st.sampled_from(["DE", "US", "?", None])
        )
    )
)
def test_a_column_is_cleaned_as_its_cells_are(rows: list[tuple[str | None, str | None]]) -> None:
    step = e164(region=col.country, default="GB")
    cleaned = step.load(Resources())(
        pa.array([phone for phone, _ in rows], pa.string()),
        {"country": pa.array([country for _, country in rows], pa.string())},
    )
    cells = [step.one(phone, country=country) for phone, country in rows]
    assert cleaned.values.to_pylist() == [cell.value for cell in cells]
    assert cleaned.reasons.to_pylist() == [cell.reason for cell in cells]
    assert cleaned.extra["extension"].to_pylist() == [cell.extra.get("extension") for cell in cells]
