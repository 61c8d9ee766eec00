from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.catalog.finding import WHOLE, Finds, Said, Sight, Used, find, said_of
from pumphouse.declare.asset import Asset, Common
from pumphouse.errors import Place
from pumphouse.indexes.short_texts import ShortTexts

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def asset(name: str, kind: str = "sql", *inputs: str, **common: object) -> Asset:
    place = Place(file=f"shop/{name}.sql", line=1)
    return Asset(name=name, kind=kind, spec=None, common=Common(**common), place=place, inputs=inputs)  # type: ignore[arg-type]


ASSETS = {
    one.name: one
    for one in (
        asset("raw_orders", "files"),
        asset("orders", "sql", "raw_orders", doc="Paid orders.\nOne row per order; Größe in cm.", owner="maria"),
        asset("orders_by_country", "report", "orders", tags=("finance", "monthly")),
        asset("refundRequests", "survey", doc="Why customers want their money back."),
        asset("categories", "table"),
        asset("old_orders", "sql", "raw_orders", tags=("deprecated",)),
    )
}
COLUMNS = {
    "orders": {"order_id": "", "customerEmail": "Where the receipt goes.", "amount_eur": "", "status": ""},
    "raw_orders": {"order_id": "", "customer_email": "", "line": ""},
    "categories": {"name": "", "parent": ""},
}
VALUES = {"orders": {"status": ["refunded", "open"]}}
SAID = [
    one
    for name, it in ASSETS.items()
    for one in said_of(it, columns=COLUMNS.get(name, {}), values=VALUES.get(name, {}))
]


def ask(
    query: str,
    *,
    sees: dict[str, Sight | None] | None = None,
    used: dict[str, Used] | None = None,
    said: list[Said] | None = None,
    limit: int = 20,
) -> Finds:
    said = SAID if said is None else said
    return find(
        query, said=said, texts=ShortTexts([one.text for one in said]), assets=ASSETS,
        sight=(sees or dict.fromkeys(ASSETS, WHOLE)).get, used=used or {}, limit=limit, snapshot=3, now=NOW,
    )  # fmt: skip


def names(found: Finds) -> list[str]:
    return [hit.asset for hit in found.hits]


def test_names_are_found_by_their_parts_whatever_joins_them() -> None:
    assert names(ask("country"))[0] == "orders_by_country"
    assert names(ask("requests")) == names(ask("refund_requests")) == names(ask("refundrequests")) == ["refundRequests"]
    assert names(ask("email")) == names(ask("EMAIL")) == ["orders", "raw_orders"]
    assert names(ask("customer_email"))[:2] == names(ask("customerEmail"))[:2] == ["orders", "raw_orders"]


def test_a_beginning_a_plural_a_part_and_a_wrong_letter_find() -> None:
    assert names(ask("categ")) == names(ask("category")) == names(ask("catgories")) == ["categories"]
    assert "orders" in names(ask("mail"))
    assert names(ask("emial")) == ["orders", "raw_orders"]
    assert names(ask("customres mony")) == ["refundRequests"]
    assert names(ask("grosse")) == names(ask("Größe")) == ["orders"]
    assert names(ask("ordering")) == []


def test_a_name_of_that_word_alone_comes_first_and_what_is_deprecated_last() -> None:
    found = names(ask("orders"))
    assert found[0] == "orders"
    assert found[-1] == "old_orders"


def test_owner_tag_kind_source_and_value_find() -> None:
    assert names(ask("maria")) == ["orders"]
    assert names(ask("finance")) == ["orders_by_country"]
    assert names(ask("survey")) == ["refundRequests"]
    assert "old_orders" in names(ask("raw_orders"))
    assert [(one.what, one.column) for one in ask("refunded").hits[0].reasons] == [("value", "status")]


def test_all_words_are_needed_where_something_has_them_and_else_the_most() -> None:
    assert names(ask("maria receipt")) == ["orders"]
    (hit,) = ask("receipt banana").hits
    assert (hit.asset, hit.missing) == ("orders", ("banana",))
    assert ask("banana").hits == ask("").hits == ask("?!").hits == ()


def test_what_people_use_comes_first() -> None:
    used = {"raw_orders": Used(people=9, reads=40, last=NOW), "orders": Used(people=0, reads=0, last=None)}
    assert names(ask("email")) == ["orders", "raw_orders"]
    found = ask("email", used=used)
    assert names(found) == ["raw_orders", "orders"]
    assert found.hits[0].used == used["raw_orders"]
    assert "9 people in 30 days, 40 reads; last just now" in found.to_text()


def test_each_word_has_a_reason_in_which_it_is_marked() -> None:
    (hit,) = ask("maria receipt amount").hits
    marked = {(one.what, one.column): [text for text, is_marked in one.pieces if is_marked] for one in hit.reasons}
    assert marked == {
        ("owner", ""): ["maria"],
        ("column doc", "customerEmail"): ["receipt"],
        ("column", "amount_eur"): ["amount"],
    }
    assert "doc of customerEmail: Where the [receipt] goes." in ask("receipt").to_text()


def test_a_long_doc_is_cut_around_the_word() -> None:
    said = [Said(asset="orders", what="doc", text=f"{'well ' * 100}needle {'then ' * 100}")]
    (reason,) = ask("needle", said=said).hits[0].reasons
    assert ("needle", True) in reason.pieces
    assert len(reason.text) < 180
    assert reason.text[0] == reason.text[-1] == "…"


def test_what_is_not_theirs_is_found_by_nothing() -> None:
    part = Sight(columns=frozenset({"order_id", "customerEmail"}), is_whole=False)
    sees: dict[str, Sight | None] = {"orders": part}
    used = {"orders": Used(people=2, reads=2, last=NOW)}
    assert names(ask("email", sees=sees)) == ["orders"]
    assert ask("email", sees=sees, used=used).hits[0].used is None
    for hidden in ("amount", "refunded", "raw_orders", "country", "categories"):
        assert "orders" not in names(ask(f"{hidden}", sees=sees)) or hidden == "raw_orders"
        assert all(hidden not in one.text for hit in ask(hidden, sees=sees).hits for one in hit.reasons)


ONE_WORD = st.sampled_from(
    ["order", "orders", "emial", "maria", "status", "refund", "country", "categ", "name", "sql", "amont", "mail", "x"]
)
SIGHTS = st.one_of(
    st.none(),
    st.just(WHOLE),
    st.builds(
        Sight,
        columns=st.frozensets(st.sampled_from(["order_id", "customerEmail", "status", "line", "name"])),
        is_whole=st.just(False),
        sees_origin=st.booleans(),
    ),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ONE_WORD, max_size=3), st.fixed_dictionaries(dict.fromkeys(ASSETS, SIGHTS)))
def test_a_part_of_the_catalogue_answers_as_if_there_were_no_more(words: list[str], sees: dict[str, Sight]) -> None:
    theirs = [one for one in SAID if sees[one.asset] is not None and sees[one.asset].has(one)]
    query = " ".join(words)
    assert ask(query, sees=sees) == ask(query, sees=sees, said=theirs)  # type: ignore[arg-type]
