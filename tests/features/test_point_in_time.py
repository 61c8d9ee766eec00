from __future__ import annotations

import pytest

from pumphouse.errors import BuildError
from pumphouse.features.point_in_time import FeatureDefinition, FeatureInput, compile_feature, feature_shape
from pumphouse.lake.times import EventTime

PAID = {
    "orders": FeatureInput(time=EventTime(event="paid_at", form="timestamptz")),
    "lines": FeatureInput(time=EventTime(event="at", form="date")),
}
HEAD = "SELECT m.customer_id, m.as_of, sum(o.amount) AS spend FROM moments m"
BOUGHT = f"{HEAD} LEFT JOIN orders o ON o.customer_id = m.customer_id"
LAST = "SELECT m.customer_id, m.as_of, o.amount FROM moments m ASOF LEFT JOIN orders o ON o.customer_id = m.customer_id"
PLAIN = "FROM moments m LEFT JOIN orders o ON true"


def feature(text: str, entity: tuple[str, ...] = ("customer_id",)) -> FeatureDefinition:
    return FeatureDefinition(name="spend", text=text, entity=entity)


def test_left_join_gets_both_conditions_and_keeps_its_own():
    text = compile_feature(
        feature(f"{HEAD} LEFT JOIN orders o ON o.customer_id = m.customer_id OR o.amount > 5 GROUP BY ALL"),
        PAID,
        exact=("o.amount",),
    )
    assert text == (
        "SELECT m.customer_id, m.as_of, SUM(o.amount) AS spend FROM moments AS m LEFT JOIN orders AS o ON "
        "(o.customer_id = m.customer_id OR o.amount > 5) AND "
        '("o"."paid_at" <= "m"."as_of" AND "o"."_known_at" <= "m"."as_of") GROUP BY ALL'
    )


def test_every_joined_table_is_held_to_the_moment():
    text = compile_feature(
        feature(f"{BOUGHT} LEFT JOIN lines l ON l.id = o.id GROUP BY ALL"),
        PAID,
    )
    assert '"o"."paid_at" <= "m"."as_of" AND "o"."_known_at" <= "m"."as_of"' in text
    assert 'CAST("l"."at" + INTERVAL \'1\' DAY AS TIMESTAMPTZ) <= "m"."as_of" AND "l"."_known_at"' in text


@pytest.mark.parametrize("join", [", orders o WHERE", "CROSS JOIN orders o WHERE"])
def test_join_without_on_gets_them_in_where(join: str):
    text = compile_feature(feature(f"{HEAD} {join} o.customer_id = m.customer_id OR true GROUP BY ALL"), PAID)
    assert '(o.customer_id = m.customer_id OR TRUE) AND ("o"."paid_at" <= "m"."as_of"' in text


def test_counting_all_rows_is_no_star():
    assert feature_shape(feature(f"SELECT m.customer_id, m.as_of, count(*) AS n {PLAIN} GROUP BY ALL")).values == ("n",)


def test_shape_names_inputs_and_values():
    shape = feature_shape(
        feature(
            "SELECT m.sku, m.shop, m.as_of, count(o.id) AS sold, max(o.amount) AS dearest FROM moments m "
            "LEFT JOIN orders o ON o.sku = m.sku AND o.shop = m.shop GROUP BY ALL",
            entity=("shop", "sku"),
        )
    )
    assert (shape.inputs, shape.values) == (("orders",), ("sold", "dearest"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            """SELECT m.customer_id, m.as_of, t.s AS spend FROM moments m
            LEFT JOIN (SELECT customer_id, sum(amount) AS s FROM orders GROUP BY 1) t
            ON t.customer_id = m.customer_id""",
            "aggregates an input before it meets the moments",
        ),
        (
            """WITH t AS (SELECT * FROM orders)
            SELECT m.customer_id, m.as_of, t.amount AS spend FROM moments m
            LEFT JOIN t ON t.customer_id = m.customer_id""",
            "reads an input before it meets the moments",
        ),
        (
            "SELECT m.customer_id, m.as_of, (SELECT max(amount) FROM orders) AS spend FROM moments m",
            "aggregates an input before it meets the moments",
        ),
        (
            f"{HEAD} LEFT JOIN orders o ON o.id IN (SELECT id FROM lines) GROUP BY ALL",
            "reads an input before it meets the moments",
        ),
        ("SELECT 1 AS a FROM moments m UNION SELECT 2 FROM moments m", "is not one SELECT"),
        ("SELECT customer_id, paid_at AS as_of, amount FROM orders", "doesn't start from the moments"),
        (f"{HEAD} RIGHT JOIN orders o ON o.customer_id = m.customer_id GROUP BY ALL", "by RIGHT JOIN"),
        (f"{HEAD} FULL JOIN orders o ON o.customer_id = m.customer_id GROUP BY ALL", "by FULL JOIN"),
        (f"{HEAD} ASOF RIGHT JOIN orders o ON o.customer_id = m.customer_id GROUP BY ALL", "by ASOF RIGHT JOIN"),
        (
            f"{LAST} AND o.shipped_at <= m.as_of",
            "orders 'orders' by shipped_at in an ASOF JOIN, and its event's time is",
        ),
        (f"{LAST} AND o.amount > m.as_of", "has 'o.amount > m.as_of' in an ASOF JOIN"),
        (f"{LAST} AND o.paid_at < m.as_of", "has 'o.paid_at < m.as_of' in an ASOF JOIN"),
        (f"{LAST} OR o.amount > 5", "has 'o.customer_id = m.customer_id OR o.amount > 5' in an ASOF JOIN"),
        (f"{LAST.split(' ON ', maxsplit=1)[0]} ON o.amount > 5", "says of no row of 'orders' whose it is"),
        (
            f"{LAST} AND o.paid_at > m.as_of - INTERVAL 1 DAY AND o.paid_at > m.as_of - INTERVAL 2 DAY",
            "says twice how long a row counts",
        ),
        (f"{HEAD} POSITIONAL JOIN orders o GROUP BY ALL", "by POSITIONAL JOIN"),
        (f"{HEAD} LEFT JOIN orders o USING (customer_id) GROUP BY ALL", "by USING"),
        (f"{HEAD} LEFT JOIN moments o ON o.customer_id = m.customer_id GROUP BY ALL", "not a table of the project"),
        (f"{HEAD} LEFT JOIN read_csv('x.csv') o ON true GROUP BY ALL", "not a table of the project"),
        (f"{HEAD} LEFT JOIN lake.orders o ON true GROUP BY ALL", "not a table of the project"),
        (f"{HEAD} LEFT JOIN orders o(a, b) ON true GROUP BY ALL", "not a table of the project"),
        (f"{HEAD} LEFT JOIN (orders o JOIN lines l ON l.id = o.id) ON true GROUP BY ALL", "not a table of the project"),
        (f"{HEAD} LEFT JOIN orders o ON true GROUP BY ROLLUP (m.customer_id, m.as_of)", "groups by several sets"),
        (f"{HEAD} LEFT JOIN orders o ON true GROUP BY ALL LIMIT 5", "uses LIMIT"),
        (f"{HEAD.replace('SELECT', 'SELECT DISTINCT')} LEFT JOIN orders o ON true GROUP BY ALL", "uses DISTINCT"),
        (
            f"SELECT m.customer_id, m.as_of, sum(o.amount) OVER (PARTITION BY m.customer_id) AS spend {PLAIN}",
            "has a window over several moments",
        ),
        (
            f"SELECT m.customer_id, m.as_of, sum(o.amount) OVER w AS spend {PLAIN} WINDOW w AS ()",
            "uses WINDOWS",
        ),
        (f"SELECT m.*, o.amount {PLAIN}", "without a name"),
        (f"SELECT m.customer_id, m.as_of, COLUMNS(o.*) {PLAIN}", "without a name"),
        (f"SELECT m.customer_id, m.as_of, o.a + 1 {PLAIN}", "without a name"),
        (
            "SELECT o.customer_id, m.as_of, o.a FROM moments m LEFT JOIN orders o ON true",
            "doesn't select m.customer_id",
        ),
        (f"SELECT m.customer_id, o.as_of, o.a {PLAIN}", "doesn't select m.as_of"),
        (f"SELECT m.customer_id, o.a {PLAIN}", "doesn't select m.as_of"),
        (f"SELECT m.customer_id, m.as_of, o.a, o.b AS A {PLAIN}", "selects 'A' twice"),
        (f"SELECT m.customer_id, m.as_of {PLAIN}", "selects no value"),
        ("SELECT m.customer_id, m.as_of, 1 AS one FROM moments m", "reads no table beside the moments"),
        (f"{HEAD} LEFT JOIN orders o ON o.amount > $least GROUP BY ALL", "has the setting $least"),
        (f"SELECT m.customer_id, m.as_of, wavg(o.a, o.b) AS a {PLAIN} GROUP BY ALL", "with the order of its rows"),
        ("SELECT FROM WHERE", "can't be read"),
        ("SELECT 'open FROM moments", "can't be read"),
        (f"SELECT m.customer_id, m.as_of, o.a {PLAIN}; DROP TABLE orders", "is not one SELECT"),
        ("", "is not one SELECT"),
    ],
)
def test_what_could_mix_moments_is_refused_with_its_reason(text: str, reason: str):
    with pytest.raises(BuildError) as caught:
        compile_feature(feature(text), PAID)
    assert reason in caught.value.what
    assert caught.value.asset == "spend"
    assert caught.value.mend
