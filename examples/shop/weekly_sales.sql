/* pumphouse
doc = "Sales by week, which begins on Monday. US dollars."
key = "week" */
SELECT
    date_trunc('week', paid_on) AS week,
    count(*) AS purchases,
    count(DISTINCT customer_id) AS buyers,
    sum(cds) AS cds,
    sum(amount_usd) AS revenue_usd
FROM orders
GROUP BY ALL
