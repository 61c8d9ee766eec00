"""The numbering plans of the world, as libphonenumber's metadata has them, made ready to read plain digits quickly.

The library reads text of any form, and compiles and asks its patterns one by one. Here a number is nothing but digits,
with or without a plus sign before them, and each plan's patterns are compiled once, those of all kinds of number of one
length into one. The rules are the library's own, step by step; what it would refuse to parse is left to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonenumbers.phonemetadata import PhoneMetadata, PhoneNumberDesc

KINDS = (
    # attribute of a plan, and what such a number is called; in the order in which the library tries them
    ("premium_rate", "premium rate"),
    ("toll_free", "toll free"),
    ("shared_cost", "shared cost"),
    ("voip", "voip"),
    ("personal_number", "personal"),
    ("pager", "pager"),
    ("uan", "company"),
    ("voicemail", "voicemail"),
)
FIXED_OR_MOBILE, FIXED, MOBILE = "fixed line or mobile", "fixed line", "mobile"
NO_COUNTRY = "001"
"""The library's region of numbers that belong to no country, as +800."""
CODE_DIGITS_MAX, NUMBER_DIGITS_MIN, NUMBER_DIGITS_MAX = 3, 2, 17
NEVER = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One region's rules, compiled."""

    region: str
    code: str
    international_prefix: re.Pattern[str]
    national_prefix: re.Pattern[str] | None
    transform: str | None
    general: re.Pattern[str]
    leading_digits: re.Pattern[str] | None
    lengths: tuple[int, ...]
    local_lengths: tuple[int, ...]
    metadata: PhoneMetadata
    kinds: dict[int, tuple[re.Pattern[str], tuple[str, ...]]] = field(default_factory=dict)
    """By length, as far as asked: a pattern with a group for each kind of number, and their names."""

    def is_too_long(self, length: int) -> bool:
        """Whether no number is that long; a number without its area code may be."""
        return length > self.lengths[-1] and length not in self.local_lengths

    def without_national_prefix(self, number: str) -> str:
        """The number without what is dialled before it within the country, or changed as the plan says."""
        if not number or self.national_prefix is None:
            return number
        found = self.national_prefix.match(number)
        if not found:
            return number
        if self.transform is None or found.groups()[-1] is None:
            rest = number[found.end() :]
        else:
            rest = self.national_prefix.sub(self.transform, number, count=1)
        if self.general.fullmatch(number) and not self.general.fullmatch(rest):
            return number
        return rest

    def kind(self, number: str) -> str | None:
        """What kind of number it is, or None where the plan has no such number."""
        known = self.kinds.get(len(number))
        if known is None:
            known = self.kinds[len(number)] = _patterns(self.metadata, len(number))
        found = known[0].fullmatch(number)
        return known[1][found.lastindex - 1] if found and found.lastindex else None


class NumberingPlans:
    """All plans, each compiled when it is first asked for."""

    def __init__(self) -> None:
        from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS

        self.regions = SUPPORTED_REGIONS
        self.regions_of_code = {str(code): regions for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()}
        self.code_of = {
            # by the first digits of a number, as many as the longest code has: the shortest code that begins it
            digits: next(code for length in (1, 2, 3) if (code := digits[:length]) in self.regions_of_code)
            for digits in (f"{number:03}" for number in range(1000))
            if any(digits[:length] in self.regions_of_code for length in (1, 2, 3))
        }
        self.plans: dict[str, Plan] = {}
        self.sharing: dict[str, tuple[Plan, ...]] = {}

    def of_region(self, region: str) -> Plan:
        """The plan of one of `regions`."""
        plan = self.plans.get(region)
        if plan is None:
            plan = self.plans[region] = _compiled("", region)
        return plan

    def of_code(self, code: str) -> tuple[Plan, ...]:
        """The plans of the regions that share a country code, the main one first."""
        plans = self.sharing.get(code)
        if plans is None:
            plans = self.sharing[code] = tuple(
                _compiled(code, region) if region == NO_COUNTRY else self.of_region(region)
                for region in self.regions_of_code[code]
            )
        return plans

    def national(self, digits: str, region: str) -> tuple[str, str] | None:
        """(country code, national number) of digits as dialled in one of `regions`. None: that is for the library."""
        plan = self.of_region(region)
        found = plan.international_prefix.match(digits)
        if found and not digits.startswith("0", found.end()):
            return self.international(digits[found.end() :])
        if digits.startswith(plan.code):  # a number with its country code, and no plus sign?
            rest = plan.without_national_prefix(digits[len(plan.code) :])
            if plan.is_too_long(len(digits)) or (plan.general.fullmatch(rest) and not plan.general.fullmatch(digits)):
                return _stripped(rest, self.of_code(plan.code)[0])
        return _stripped(digits, plan)

    def international(self, digits: str) -> tuple[str, str] | None:
        """(country code, national number) of digits that begin with a country code. None: that is for the library."""
        code = self.code_of.get(digits[:CODE_DIGITS_MAX])
        return None if code is None else _stripped(digits[len(code) :], self.of_code(code)[0])

    def kind_and_region(self, code: str, number: str) -> tuple[str | None, str | None]:
        """(kind, region) of a national number; (None, None) where there is no such number."""
        plans = self.of_code(code)
        for plan in plans:
            if plan.leading_digits is None or len(plans) == 1:
                if (kind := plan.kind(number)) is not None:
                    return kind, plan.region
            elif plan.leading_digits.match(number):
                kind = plan.kind(number)
                return (kind, plan.region) if kind else (None, None)
        return None, None


def _stripped(number: str, plan: Plan) -> tuple[str, str] | None:
    """(country code, number without a national prefix), or None where the library would refuse it."""
    rest = plan.without_national_prefix(number)
    # Stripped only where what is left is as long as a number there, or longer.
    length = len(rest)
    if length in plan.lengths or (length > plan.lengths[-1] and length not in plan.local_lengths):
        number = rest
    return (plan.code, number) if NUMBER_DIGITS_MIN <= len(number) <= NUMBER_DIGITS_MAX else None


def _compiled(code: str, region: str) -> Plan:
    from phonenumbers import PhoneMetadata

    metadata = (
        PhoneMetadata.metadata_for_nongeo_region(int(code)) if code else PhoneMetadata.metadata_for_region(region)
    )
    assert metadata is not None  # as its tables of codes and regions say
    general = metadata.general_desc
    assert general is not None  # every plan has it
    return Plan(
        region=region,
        code=str(metadata.country_code),
        international_prefix=_pattern(metadata.international_prefix) or NEVER,
        national_prefix=_pattern(metadata.national_prefix_for_parsing),
        transform=metadata.national_prefix_transform_rule or None,
        general=_pattern(general.national_number_pattern) or NEVER,
        leading_digits=None if metadata.leading_digits is None else re.compile(metadata.leading_digits),
        lengths=tuple(general.possible_length),
        local_lengths=tuple(general.possible_length_local_only),
        metadata=metadata,
    )


def _pattern(written: str | None) -> re.Pattern[str] | None:
    return re.compile(written) if written else None


def _patterns(metadata: PhoneMetadata, length: int) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """A pattern for numbers of one length, with a group for each kind that has such numbers, and the kinds' names."""

    def of(described: PhoneNumberDesc | None) -> str | None:
        if described is None or (described.possible_length and length not in described.possible_length):
            return None
        return described.national_number_pattern or None

    general, fixed, mobile = of(metadata.general_desc), of(metadata.fixed_line), of(metadata.mobile)
    if general is None:
        return NEVER, ()
    found = [(of(getattr(metadata, attribute)), name) for attribute, name in KINDS]
    if metadata.same_mobile_and_fixed_line_pattern:
        found.append((fixed, FIXED_OR_MOBILE))
    else:
        both = rf"(?=(?:{mobile})\Z)(?:{fixed})" if fixed and mobile else None
        found += [(both, FIXED_OR_MOBILE), (fixed, FIXED), (mobile, MOBILE)]
    kinds = [(pattern, name) for pattern, name in found if pattern]
    if not kinds:
        return NEVER, ()
    either = "|".join(f"({pattern})" for pattern, _ in kinds)
    return re.compile(rf"(?=(?:{general})\Z)(?:{either})"), tuple(name for _, name in kinds)
