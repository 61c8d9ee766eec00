/* pumphouse
kind = "label"
entity = "customer_id"
matures = "182 days"
doc = "Whether a customer bought again within 26 weeks: of everybody who had bought by then, on five days of 1997." */
WITH days AS (
    SELECT unnest([
        DATE '1997-04-01', DATE '1997-05-01', DATE '1997-06-01', DATE '1997-07-02', DATE '1997-12-31'
    ]) AS day
),
asked AS (
    SELECT o.customer_id, d.day
    FROM days d JOIN orders o ON o.paid_on < d.day
    GROUP BY ALL
)
SELECT
    a.customer_id,
    CAST(a.day AS TIMESTAMPTZ) AS as_of,
    bool_or(o.paid_on IS NOT NULL) AS returned_26w
FROM asked a
LEFT JOIN orders o
    ON o.customer_id = a.customer_id AND o.paid_on >= a.day AND o.paid_on < a.day + INTERVAL 182 DAY
GROUP BY ALL
