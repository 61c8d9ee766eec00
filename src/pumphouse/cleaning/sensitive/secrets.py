"""Keys, tokens and passwords in a text: by the forms that services give them, and by the names they stand behind."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from pumphouse.cleaning.sensitive.spans import Span, named

FORMS = {
    # what it is: its form. All begin with fixed letters, so that looking for them is quick.
    "private key": (
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?!-----END)[\s\S])*(?:-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----)?"
    ),
    "jwt": r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)?",
    "aws key": r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
    "github token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255})",
    "gitlab token": r"\bgl(?:pat|ptt|dt|rt|soat)-[\w-]{20,}",
    "slack token": r"\bxox[abeoprs]-[\w-]{10,}|\bxapp-[0-9]-[\w-]{10,}",
    "slack webhook": r"\bhooks\.slack\.com/(?:services|workflows)/[\w/-]{20,}",
    "stripe key": r"\b(?:[rs]k_(?:live|test)_[0-9A-Za-z]{10,}|whsec_[0-9A-Za-z+/]{24,})",
    "google key": r"\bAIza[\w-]{35}|\bya29\.[\w-]{20,}|\bGOCSPX-[\w-]{20,}",
    "openai key": r"\bsk-(?!ant-)(?=[\w-]*[0-9])[\w-]{20,}",
    "anthropic key": r"\bsk-ant-[\w-]{20,}",
    "npm token": r"\bnpm_[A-Za-z0-9]{36}",
    "pypi token": r"\bpypi-AgE[\w-]{50,}",
    "sendgrid key": r"\bSG\.[\w-]{16,32}\.[\w-]{16,64}",
    "twilio key": r"\bSK[0-9a-f]{32}\b",
    "mailgun key": r"\bkey-[0-9a-f]{32}\b",
    "shopify token": r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    "digitalocean token": r"\bdo[opr]_v1_[0-9a-f]{64}",
    "huggingface token": r"\bhf_[A-Za-z0-9]{30,}",
    "databricks token": r"\bdapi[0-9a-f]{32}",
    "telegram token": r"\b[0-9]{8,10}:AA[\w-]{33}(?![\w-])",
    "square token": r"\bsq0(?:atp|csp|idp)-[\w-]{22,43}|\bEAAA[\w-]{60}",
}
FORM = re.compile("|".join(f"(?P<k{place}>{form})" for place, form in enumerate(FORMS.values())))
KINDS = tuple(FORMS)

IN_URL = re.compile(r"(?<=://)[^\s/?#:@\[\]]*:(?P<value>(?!\[password\])[^\s/?#@]+(?:@(?=[^\s/?#]*@)[^\s/?#@]+)*)(?=@)")
"""https://max:secret@example.com; an @ in the password is one too."""
BEARER = re.compile(r"\b(?:bearer|basic)\s+(?P<value>[\w.~+/=-]{16,})", re.IGNORECASE)

NAME = r"(?<![A-Za-z0-9])(?P<name>[A-Za-z0-9_.-]{0,40}?(?:%s)[A-Za-z0-9_-]{0,20})[\"']?\s{0,3}(?::=|=>|==?|:)\s{0,3}"
VALUE = r"(?:\"(?P<double>[^\"\r\n]{1,500})\"|'(?P<single>[^'\r\n]{1,500})'|(?P<bare>[^\s\"',;&<>\[\](){}]{1,500}))"
PASSWORD = re.compile(
    NAME % "passw(?:or)?d|passwort|passphrase|pwd|mot_?de_?passe|contrase\u00f1a" + VALUE, re.IGNORECASE
)
SECRET = re.compile(
    NAME % "secret|token|api_?-?key|apikey|access_?-?key|account_?-?key|private_?-?key|auth_?-?key|credentials?"
    + VALUE,
    re.IGNORECASE,
)
LONG = re.compile(r"[\w.~+/=-]{16}|-----BEGIN")
"""Without it there is no form, and nothing behind `Bearer`: most texts are not looked through further."""
NAMED = re.compile(
    r"(?i)(?:passw|passphrase|pwd|passe|contrase|secret|token|key|credential)[\w-]{0,25}[\"']?\s{0,3}[:=]"
)
"""Without it there is no name with a value."""
PLACEHOLDER = re.compile(
    r"(?i)(?:none|null|nil|true|false|yes|no|n/?a|undefined|required|optional|empty|redacted|hidden|unknown|changed|"
    r"forgotten|lost|reset|expired|secret:\w*|[*x.\u2022#-]+|\$\{?\w*\}?|%\w+%|<.*>|\{.*\}|\[.*\])"
)
PASSWORD_CHARACTERS_MIN = 4
SECRET_CHARACTERS_MIN = 8
BITS_MIN = 2.75
"""Shannon's bits a character: below, a value is a word more likely than a key."""


def secrets(text: str) -> Iterator[Span]:
    """Each key, token and password. Of what stands behind a name or in a URL, the value alone."""
    if LONG.search(text):
        for found in FORM.finditer(text):
            yield named(found.start(), found.end(), KINDS[int(str(found.lastgroup)[1:])])
    if "@" in text and "://" in text:
        for found in IN_URL.finditer(text):
            yield named(*found.span("value"), "password")
    for found in BEARER.finditer(text) if LONG.search(text) else ():
        if _is_random(found["value"]):
            yield named(*found.span("value"), "token")
    if ("=" not in text and ":" not in text) or not NAMED.search(text):
        return
    for pattern, kind, is_one in ((PASSWORD, "password", _is_password), (SECRET, "secret", _is_random)):
        for found in pattern.finditer(text):
            group = next(name for name in ("double", "single", "bare") if found[name] is not None)
            if is_one(found[group]) and not PLACEHOLDER.fullmatch(found[group].strip()):
                yield named(*found.span(group), kind)


def _is_password(value: str) -> bool:
    return len(value.strip()) >= PASSWORD_CHARACTERS_MIN


def _is_random(value: str) -> bool:
    """Whether it looks made by chance: long, with digits or mixed letters, and hardly one character twice."""
    if len(value) < SECRET_CHARACTERS_MIN or not re.search("[0-9]|[a-z][A-Z]|[A-Z][a-z].*[A-Z]", value):
        return False
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts) >= BITS_MIN
