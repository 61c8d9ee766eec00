"""Masking in text what must not be seen, and leaving the rest: cards, secrets, data about people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pumphouse.cleaning.libraries import with_versions
from pumphouse.cleaning.sensitive.cards import cards
from pumphouse.cleaning.sensitive.people import FINDERS, KINDS, Identifiers, Phones
from pumphouse.cleaning.sensitive.secrets import secrets
from pumphouse.cleaning.sensitive.spans import Finder, Span, hidden
from pumphouse.cleaning.step import EachValue, Resources, Step
from pumphouse.cleaning.steps.identifiers import IdentifierReader, identifier
from pumphouse.cleaning.steps.phones import REGION
from pumphouse.errors import did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskCards(Step):
    """The step that `mask_cards` makes."""

    name: ClassVar[str] = "mask_cards"
    gives: ClassVar[str] = "VARCHAR"
    hides: ClassVar[bool] = True
    version: str = field(default="1", init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, TextMasker(find=cards).masked)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskSecrets(Step):
    """The step that `mask_secrets` makes."""

    name: ClassVar[str] = "mask_secrets"
    gives: ClassVar[str] = "VARCHAR"
    hides: ClassVar[bool] = True
    version: str = field(default="1", init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, TextMasker(find=secrets).masked)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskPersonal(Step):
    """The step that `mask_personal` makes."""

    name: ClassVar[str] = "mask_personal"
    gives: ClassVar[str] = "VARCHAR"
    hides: ClassVar[bool] = True
    kinds: tuple[str, ...]
    region: str | None
    version: str = field(default_factory=lambda: with_versions("1", "phonenumbers", "python-stdnum"), init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, TextMasker(find=Personal(kinds=self.kinds, region=self.region)).masked)


def mask_cards() -> MaskCards:
    """A step that writes stars for the numbers of credit cards in a text, but for the last four digits.

    A card is known by its prefix and length, by how its digits are grouped, and by its check digit: telephone numbers,
    IBANs and parts of longer numbers stay.

    `mask_cards().one("paid by 4111 1111 1111 1111").value == "paid by **** **** **** 1111"`
    """
    return MaskCards()


def mask_secrets() -> MaskSecrets:
    """A step that replaces keys, tokens and passwords in a text by what they are: `[github token]`, `[password]`.

    They are known by the forms that services give them, by their place in a URL, or by the name they stand behind, as
    in `password=`. A key of another form that stands alone is not found.

    `mask_secrets().one("https://max:hunter2@example.com").value == "https://max:[password]@example.com"`
    """
    return MaskSecrets()


def mask_personal(*kind: str, region: str | None = None) -> MaskPersonal:
    """A step that replaces data about people in a text by what it is: `[email]`, `[phone]`, `[ip]`, `[card]`, `[iban]`.

    Kinds are "email", "phone", "ip", "card", "iban", "id" (social security numbers of the United States), "secret", and
    all of them where none is named. A kind of `identifier`, as "de.idnr" or "br.cpf", is found by its check digits and
    becomes `[id]`. A telephone number without a plus is read as one of `region`. Names of people are not found.

    `mask_personal("email").one("ask max@example.com").value == "ask [email]"`
    """
    for one in kind:
        if one not in KINDS:
            if "." not in one:
                raise ValueError(f"mask_personal has no kind '{one}'. {did_you_mean(one, KINDS) or ', '.join(KINDS)}")
            identifier(one)
    if region is not None and not REGION.fullmatch(region):
        raise ValueError(f"mask_personal's region is an ISO 3166 code like US or DE, not {region!r}")
    return MaskPersonal(kinds=tuple(dict.fromkeys(kind)) or KINDS, region=region)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMasker:
    """Masks one text after the other."""

    find: Finder

    def masked(self, written: str) -> tuple[str, None]:
        """One text: (masked, no reason)."""
        return hidden(written, self.find), None


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """Finds all of several kinds. It pickles."""

    kinds: tuple[str, ...]
    region: str | None

    def __call__(self, text: str) -> list[Span]:
        """What is found, kinds that are surer before those that may be part of them."""
        spans: list[Span] = []
        for kind in (*KINDS, *(kind for kind in self.kinds if kind not in KINDS)):
            if kind in self.kinds:
                found = finder(kind, self.region)(text)
                spans += [span for span in found if not any(_overlap(span, other) for other in spans)]
        return spans


def finder(kind: str, region: str | None) -> Finder:
    """What finds one kind."""
    if kind == "phone":
        return Phones(region=region)
    return FINDERS[kind] if kind in FINDERS else Identifiers(reader=IdentifierReader(kind=kind))


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
