"""Cleaning columns and tables without losing a cell: what users import.

Importing it loads neither an engine nor a library behind a step; those come when a step runs.
"""

from pumphouse.cleaning.clean import clean
from pumphouse.cleaning.columns import col
from pumphouse.cleaning.step import Cell
from pumphouse.cleaning.steps.booleans import parse_boolean
from pumphouse.cleaning.steps.categories import categories
from pumphouse.cleaning.steps.countries import country_code
from pumphouse.cleaning.steps.dates import parse_date
from pumphouse.cleaning.steps.domains import domain
from pumphouse.cleaning.steps.emails import email
from pumphouse.cleaning.steps.gaps import null_if
from pumphouse.cleaning.steps.identifiers import identifier
from pumphouse.cleaning.steps.ip_addresses import ip_address, ip_country, ip_owner
from pumphouse.cleaning.steps.json_values import json_path
from pumphouse.cleaning.steps.language_codes import language_code
from pumphouse.cleaning.steps.languages import language
from pumphouse.cleaning.steps.masking import mask
from pumphouse.cleaning.steps.masking_text import mask_cards, mask_personal, mask_secrets
from pumphouse.cleaning.steps.money import money
from pumphouse.cleaning.steps.numbers import number
from pumphouse.cleaning.steps.person_names import person_name
from pumphouse.cleaning.steps.phones import e164
from pumphouse.cleaning.steps.places import coordinates
from pumphouse.cleaning.steps.plain_text import plain_text
from pumphouse.cleaning.steps.postal_addresses import postal_address
from pumphouse.cleaning.steps.postcodes import postcode
from pumphouse.cleaning.steps.pseudonyms import pseudonym
from pumphouse.cleaning.steps.quantities import quantity
from pumphouse.cleaning.steps.regions import region_code
from pumphouse.cleaning.steps.shorthand import expand, expansions
from pumphouse.cleaning.steps.timestamps import parse_timestamp
from pumphouse.cleaning.steps.urls import url
from pumphouse.cleaning.steps.user_agents import user_agent
from pumphouse.cleaning.table_steps.dropping import drop
from pumphouse.cleaning.table_steps.duplicates import dedupe
from pumphouse.cleaning.table_steps.filling import fill
from pumphouse.cleaning.table_steps.outlying import outliers
from pumphouse.cleaning.table_steps.repairing import repair

__all__ = [
    "Cell", "categories", "clean", "col", "coordinates", "country_code", "dedupe", "domain", "drop", "e164", "email",
    "expand", "expansions", "fill", "identifier", "ip_address", "ip_country", "ip_owner", "json_path", "language",
    "language_code", "mask", "mask_cards", "mask_personal", "mask_secrets", "money", "null_if", "number", "outliers",
    "parse_boolean", "parse_date", "parse_timestamp", "person_name", "plain_text", "postal_address", "postcode",
    "pseudonym", "quantity", "region_code", "repair", "url", "user_agent",
]  # fmt: skip
