"""A Python table: what SQL would say less well."""

import polars as pl

import pumphouse as ph


@ph.table(key="customer_id")
def segments(orders: pl.LazyFrame) -> pl.LazyFrame:
    """One row per customer: how often and how much they bought, and what kind of buyer that makes them."""
    bought = orders.group_by("customer_id").agg(
        purchases=pl.len(), spent_usd=pl.col("amount_usd").cast(pl.Float64).sum(), last_paid_on=pl.col("paid_on").max()
    )
    kind = (
        pl.when(pl.col("purchases") == 1)
        .then(pl.lit("once"))
        .when(pl.col("spent_usd") >= 250)
        .then(pl.lit("loyal"))
        .otherwise(pl.lit("returning"))
    )
    return bought.with_columns(segment=kind).sort("customer_id")
