/* pumphouse
kind = "feature"
entity = "customer_id"
doc = "How many purchases before, and how many days since the last and the first; null for somebody who never bought." */
SELECT
    m.customer_id,
    m.as_of,
    count(o.paid_on) AS purchases,
    date_diff('day', max(o.paid_on), CAST(m.as_of AS DATE)) AS days_since_last,
    date_diff('day', min(o.paid_on), CAST(m.as_of AS DATE)) AS days_since_first
FROM moments m LEFT JOIN orders o ON o.customer_id = m.customer_id
GROUP BY m.customer_id, m.as_of
