/* pumphouse
doc = "All purchases, of the file and of the API. One row per purchase; US dollars."
required = ["customer_id", "paid_on"]
time = { event = "paid_on" } */
SELECT customer_id, bought_at AS paid_on, cds, CAST(amount_usd AS DECIMAL(10, 2)) AS amount_usd, _known_at
FROM raw_purchases
UNION ALL
SELECT customer_id, CAST(paid_at AS DATE) AS paid_on, cds, CAST(cents / 100.0 AS DECIMAL(10, 2)) AS amount_usd, _known_at
FROM raw_orders
