"""What must hold, what is searched, who gets what, and what is expected of a report."""

import pumphouse as ph

no_negative = ph.check("orders", "amount_usd >= 0")
in_the_cohorts_time = ph.check("orders", "paid_on BETWEEN DATE '1997-01-01' AND DATE '1998-06-30'", severity="warn")

notes_search = ph.search("customers", text=["note", "name"], filter=["country"], sort="updated_at")
album_search = ph.search("albums", text=["title", "artist", "genre"], filter=["genre"], sort="released")

to_care = ph.deliver("customers", to="folder:out/care", format="csv", every="mon 07:00 Europe/Berlin")
to_bookkeeping = ph.deliver("weekly_sales", to="sqlite:out/bookkeeping.db", format="table")

weekly_bet = ph.bet(
    "sales", users=["buyer-1", "buyer-2", "buyer-3"], decision="which titles to reorder", check_after="30 days"
)

# Replayed over history nobody was shown anything, so the right verdict is "no difference" (an A/A test).
badge = ph.experiment(
    unit="customer_id",
    arms={"control": 1, "badge": 1},
    metrics={"spend": ph.mean("orders.amount_usd", within_days=90)},
    guardrails={"cds": ph.mean("orders.cds", within_days=90)},
)
