"""Contacts that a mail merge, a call centre and a model can use."""

from pumphouse.cleaning import clean, col, dedupe, drop, e164, expand, fill, ip_country, parse_date

customers = clean(
    "crm_customers",
    col.phone >> e164(region=col.country, default="US"),  # adds phone__extension, __kind and __country
    col.note >> expand("shorthand.csv"),  # "pls call asap" -> "please call as soon as possible"
    col.signup_ip >> ip_country(into="signup_country"),
    col.born >> parse_date("%d/%m/%Y", "%Y-%m-%d"),
    col.income >> fill("median", by=["job", "region"]),  # adds income__filled
    drop(mostly_null=0.95, constant=True),
    dedupe(on=["phone", "email"], keep="newest"),
    key="customer_id",
    doc="One row per customer, with a telephone number that can be dialled from anywhere. Generated, not real people.",
)
