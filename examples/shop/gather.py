"""Where the shop's data comes from: a file, an API, a database, a web site, and people."""

import pumphouse as ph

raw_purchases = ph.files(
    "cdnow/*.txt.gz",
    format=ph.fixed_width(customer_id=5, bought_at="date", cds="integer", amount_usd="money"),
    time={"event": "bought_at", "known": "bought_at"},  # old data, loaded today
    doc="Purchases to the end of 1997. One row per purchase; US dollars.",
)


@ph.source(
    connection="shop_api",
    key="order_id",
    cursor="updated_at",
    time={"event": "paid_at", "known": "paid_at"},  # old data too: an order was known when it was paid
    every="1h",
)
def raw_orders(http: ph.Http, since: ph.Cursor):
    """Orders of 1998 from the shop's API. One row per order; US cents."""
    yield from http.pages("/api/orders", params={"since": since})


crm = ph.database(
    "shop_db",
    tables={
        "customers": {
            "key": "contact_id",
            "cursor": "updated_at",
            "doc": "Contacts as typed. One row for each time somebody was entered. Generated, not real people.",
        },
        "staff": {"doc": "Who works here. Made up."},
    },
)

raw_albums = ph.website(
    "shop_site",
    start="/shop/",
    follow=("a.product", "a.next"),
    key="sku",
    item={
        "sku": "[data-sku]",
        "title": "h1",
        "artist": ".artist",
        "genre": ".genre",
        "released": ".released",
        "price": ".price",
    },
)

exit_survey = ph.survey("surveys/exit.json", doc="What leaving customers answered. One row per answer.")
