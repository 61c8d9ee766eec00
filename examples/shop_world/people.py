"""Names, regions, trades and the shop's staff, to make people of."""

from __future__ import annotations

COUNTRIES: dict[str, int] = {
    "US": 62, "CA": 7, "GB": 8, "DE": 7, "FR": 4, "NL": 3, "SE": 2, "JP": 4, "AU": 3,
}  # fmt: skip
"""Where customers live, and of how many in a hundred."""

_ENGLISH_FIRST = (
    "Mary", "James", "Patricia", "Robert", "Linda", "John", "Barbara", "Michael", "Susan", "William", "Jessica",
    "David", "Karen", "Richard", "Nancy", "Joseph", "Lisa", "Thomas", "Margaret", "Charles", "Sandra", "Daniel",
    "Ashley", "Matthew", "Kimberly", "Anthony", "Donna", "Mark", "Carol", "Steven", "Latoya", "Carlos", "Mei",
)  # fmt: skip
_ENGLISH_LAST = (
    "Smith", "Johnson", "Williams", "Brown", "Jones", "Garcia", "Miller", "Davis", "Rodriguez", "Martinez", "Wilson",
    "Anderson", "Taylor", "Moore", "Jackson", "Lee", "Thompson", "White", "Harris", "Clark", "Lewis", "Robinson",
    "Walker", "Young", "Allen", "King", "Wright", "Scott", "Hill", "Green", "Adams", "Baker", "Nguyen", "O'Neill",
)  # fmt: skip

FIRST_NAMES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("US", "CA", "GB", "AU"), _ENGLISH_FIRST),
    "DE": ("Anna", "Jürgen", "Sabine", "Klaus", "Käthe", "Uwe", "Petra", "Jörg", "Heike", "Stefan"),
    "FR": ("Hélène", "Luc", "Françoise", "Pierre", "Zoë", "Michel", "Agnès", "Alain", "Chantal", "René"),
    "NL": ("Anneke", "Jan", "Marijke", "Piet", "Saskia", "Willem", "Ineke", "Joost", "Femke", "Daan"),
    "SE": ("Åsa", "Lars", "Märta", "Björn", "Ingrid", "Göran", "Karin", "Per", "Maja", "Nils"),
    "JP": ("Yuki", "Haruto", "Sakura", "Kenji", "Aiko", "Takeshi", "Naoko", "Hiroshi", "Emi", "Ryo"),
}
LAST_NAMES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("US", "CA", "GB", "AU"), _ENGLISH_LAST),
    "DE": ("Müller", "Schmidt", "Groß", "Fischer", "Weber", "Jäger", "Wagner", "Köhler", "Schäfer", "Koch"),
    "FR": ("Martin", "Bernard", "Lefèvre", "Petit", "Dubois", "Moreau", "Girard", "Mercier", "François", "Lambert"),
    "NL": ("de Jong", "Jansen", "van Dijk", "Bakker", "Visser", "Smit", "Mulder", "Bos", "Peters", "Hendriks"),
    "SE": ("Andersson", "Nyström", "Karlsson", "Åberg", "Lindström", "Sjögren", "Ek", "Berg", "Holm", "Öberg"),
    "JP": ("Sato", "Suzuki", "Takahashi", "Tanaka", "Watanabe", "Ito", "Yamamoto", "Nakamura", "Kobayashi", "Mori"),
}

_EUROPE = ("Europe",)
_PACIFIC = ("Asia Pacific",)
REGIONS: dict[str, tuple[str, ...]] = {
    "US": ("Northeast", "Midwest", "South", "South", "West"), "CA": ("Canada",),
    "GB": _EUROPE, "DE": _EUROPE, "FR": _EUROPE, "NL": _EUROPE, "SE": _EUROPE, "JP": _PACIFIC, "AU": _PACIFIC,
}  # fmt: skip
REGION_FACTORS: dict[str, float] = {
    "Northeast": 1.15, "Midwest": 0.95, "South": 0.90, "West": 1.10,
    "Canada": 0.85, "Europe": 0.95, "Asia Pacific": 1.05,
}  # fmt: skip
"""How incomes of a region stand to those of the whole."""

JOB_INCOMES: dict[str, int] = {
    "student": 9_000, "retired": 21_000, "clerk": 25_000, "sales": 31_000, "craft": 33_000, "teacher": 36_000,
    "nurse": 39_000, "civil service": 41_000, "programmer": 55_000, "engineer": 58_000, "manager": 66_000,
    "lawyer": 82_000, "physician": 120_000,
}  # fmt: skip
"""A middle income of each trade, US dollars of 1997 a year; made up, in a plausible order."""

STAFF: tuple[tuple[int, str, str, str], ...] = (
    (1, "Rosa Quist", "rosa@example.com", "buyer"),
    (2, "Tom Abara", "tom@example.com", "buyer"),
    (3, "Wei Lindqvist", "wei@example.com", "customer care"),
    (4, "Nora Baptiste", "nora@example.com", "customer care"),
    (5, "Ivo Kessler", "ivo@example.com", "data engineer"),
    (6, "Dana Oyelaran", "dana@example.com", "product"),
)
"""staff_id, name, email, role; as fictional as the customers."""
