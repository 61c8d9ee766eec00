/* pumphouse
kind = "feature"
entity = "customer_id"
doc = "US dollars spent in the 90 days before, and in all time before." */
SELECT
    m.customer_id,
    m.as_of,
    coalesce(sum(o.amount_usd) FILTER (o.paid_on > m.as_of - INTERVAL 90 DAY), 0) AS spend_90d_usd,
    coalesce(sum(o.amount_usd), 0) AS spend_usd
FROM moments m LEFT JOIN orders o ON o.customer_id = m.customer_id
GROUP BY m.customer_id, m.as_of
