-- Queries that Spark runs as DuckDB does: tests/engines/test_transpile.py asks both and compares. Add to them freely.

-- columns and names
FROM orders;
SELECT * FROM customers;
SELECT ID, "Amount" AS money, amount FROM Orders;
SELECT * EXCLUDE (f, items) REPLACE (id + 1 AS id) FROM orders;
SELECT o.*, name FROM orders o JOIN customers USING (id);
SELECT k AS id, id AS k FROM customers;
SELECT id + 1 AS more, more * 2 AS most FROM customers WHERE more > 2;
SELECT 1 AS a, -5 AS b, 'x''\y' AS c, NULL AS d, 9223372036854775807 AS e, 1.50 AS f, TRUE AS g,
    DATE '2020-02-29' AS h;
SELECT k AS id, id AS k FROM customers ORDER BY id, k;
SELECT upper(k) AS k, name AS n FROM customers WHERE k = 'a' AND n > 'A';
SELECT id + 1 AS id, id * 2 AS twice FROM customers;
SELECT y, x FROM (SELECT id, k FROM customers) AS t(x, y);

-- conditions
SELECT id FROM orders WHERE (id > 1 OR k = 'a') AND id BETWEEN 1 AND 4 AND NOT (k <> 'B') AND k IS NOT NULL;
SELECT id FROM orders WHERE on_day >= DATE '2020-01-06' AND n IN (-7, 2147483647);
SELECT id FROM orders WHERE on_day = '2020-01-05' OR k = 'ß''\' OR k = '';
SELECT id FROM orders WHERE f > 1 OR isnan(f);
SELECT id FROM orders WHERE k IS DISTINCT FROM 'a' AND id IS NOT DISTINCT FROM id AND yes;
SELECT id FROM orders WHERE amount > 1 AND big > n;
SELECT id FROM orders WHERE n;

-- what is computed of one row
SELECT 1 / 0 AS a, n / 2 AS b, n // 2 AS c, n % 2 AS d, -n AS e, amount / 3 AS f, cbrt(n) AS g FROM orders;
SELECT CAST(2.5 AS INTEGER) AS a, CAST(-2.5 AS INTEGER) AS b, CAST(f AS VARCHAR) AS c,
    TRY_CAST(k AS INTEGER) AS d FROM orders;
SELECT extract(dow FROM on_day) AS a, extract(week FROM on_day) AS b, isodow(on_day) AS c,
    dayname(on_day) AS d FROM orders;
SELECT date_trunc('week', on_day) AS a, date_trunc('month', stamp) AS b, date_trunc('day', zoned) AS c
    FROM orders;
SELECT on_day + INTERVAL 1 MONTH AS a, on_day - DATE '2000-01-01' AS b,
    date_diff('year', on_day, DATE '2021-01-01') AS c FROM orders;
SELECT stamp::DATE AS a, zoned::TIMESTAMP AS b, strftime(stamp, '%Y/%j %H:%M:%S.%f') AS c,
    epoch_us(zoned) AS d FROM orders;
SELECT upper(k) AS a, length(k) AS b, k || '!' AS c, concat(k, '!') AS d, k LIKE '%\' AS e, trim(k) AS f,
    k[1] AS g FROM orders;
SELECT coalesce(k, 'none') AS a, nullif(n, 0) AS b, greatest(id, n) AS c,
    CASE WHEN n > 0 THEN 'up' WHEN n < 0 THEN 'down' END AS d FROM orders;
SELECT round(amount, 1) AS a, round(f) AS b, floor(f) AS c, amount * 1.1 AS d, amount * n AS e,
    id::HUGEINT * big AS g FROM orders;
SELECT list_transform(items, x -> x + 1) AS a, items[1] AS b, len(items) AS c, {'id': id, 'k': k} AS d,
    [k, 'x'] AS e FROM orders;
SELECT regexp_extract(k, '[a-z]+') AS a, split_part(k, 'a', 1) AS b, md5(k) AS c, hash(k) % 7 AS d FROM orders;

-- groups
SELECT count(*) AS a, count(n) AS b, count(DISTINCT k) AS c, min(k) AS d, max(stamp) AS e, min(on_day) AS f
    FROM orders;
SELECT k, sum(n) AS a, sum(big) AS b, sum(amount) AS c, avg(n) AS d, avg(amount) AS e, avg(f) AS g FROM orders
    GROUP BY k;
SELECT date_trunc('month', on_day) AS month, count(*) AS n FROM orders GROUP BY ALL ORDER BY month DESC;
SELECT lower(k) AS k, upper(lower(k)) || count(*) AS what FROM orders GROUP BY lower(k);
SELECT k, count(*) FILTER (WHERE n > 0) AS a, sum(n) FILTER (yes) AS b, avg(n) FILTER (yes) AS c FROM orders
    GROUP BY 1;
SELECT k, bool_or(yes) AS a, bool_and(n > 0) AS b, min(f) AS c, max(f) AS d FROM orders GROUP BY k;
SELECT k, count(*) AS many FROM orders GROUP BY k HAVING many > 1 OR max(n) > 10 ORDER BY many, k;
SELECT sum(n) + count(*) * 2 AS a, sum(n) / 3 AS b, coalesce(sum(n) FILTER (n > 999999999999), 0) AS c
    FROM orders;
SELECT count(*) AS none, sum(n) AS nothing, avg(n) AS no_average FROM orders WHERE FALSE;
SELECT k, sum(n) AS none FROM orders WHERE id > 100 GROUP BY k;
SELECT sum(total) AS a, sum(money) AS b FROM (SELECT k, sum(big) AS total, sum(amount) AS money FROM orders
    GROUP BY k);
SELECT f, count(*) AS n FROM orders GROUP BY f;
SELECT f AS k, min(f) AS a, max(f) AS b, min(-f) AS c, max(-f) FILTER (n < 9) AS d FROM orders GROUP BY f;
SELECT yes, min(f) AS a, max(f) AS b, min(f::FLOAT) AS c FROM orders GROUP BY yes;
SELECT id, min(f) OVER (ORDER BY id) AS a, max(f) OVER (ORDER BY id ROWS 1 PRECEDING) AS b FROM orders;
SELECT 1 AS one, count(*) AS n FROM orders WHERE FALSE GROUP BY ALL;
SELECT 1 AS one, count(*) AS n FROM orders WHERE FALSE GROUP BY 1;
SELECT 'all' AS what, k, count(*) AS n FROM orders GROUP BY ALL;
SELECT DISTINCT k FROM orders ORDER BY k DESC NULLS FIRST LIMIT 3;
SELECT DISTINCT f, yes FROM orders;
SELECT DISTINCT k, count(*) AS n FROM orders GROUP BY k, id ORDER BY count(*), k;

-- joins
SELECT a.id, b.name FROM orders a JOIN customers b ON a.id = b.id AND b.name <> 'Bea';
SELECT a.id, b.name FROM orders a LEFT JOIN customers b ON a.id = b.id AND b.k = 'a';
SELECT id, name FROM orders LEFT JOIN customers USING (id);
SELECT id, name FROM orders FULL JOIN customers USING (id);
SELECT a.id, b.id AS other FROM orders a RIGHT JOIN customers b ON a.id = b.id;
SELECT a.id, b.id AS other FROM orders a CROSS JOIN customers b;
SELECT a.id, b.id AS other FROM orders a, customers b WHERE a.n > b.id;
SELECT a.id, b.id AS other FROM orders a JOIN customers b ON a.id + 1 = b.id;
SELECT o.id FROM orders o SEMI JOIN customers c ON o.id = c.id;
SELECT o.id FROM orders o ANTI JOIN customers c ON o.id = c.id;
SELECT o.id FROM orders o JOIN customers c ON o.k = c.k AND o.on_day > DATE '2000-01-01';

-- windows
SELECT id, row_number() OVER (PARTITION BY k ORDER BY id DESC) AS a, rank() OVER (ORDER BY k) AS b,
    dense_rank() OVER (ORDER BY k) AS c FROM orders;
SELECT id, lag(n) OVER (ORDER BY id) AS a, lead(n, 2) OVER (ORDER BY id NULLS FIRST) AS b, first_value(k)
    OVER (ORDER BY id DESC) AS c FROM orders;
SELECT id, last_value(n) OVER (PARTITION BY k ORDER BY id
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS a FROM orders;
SELECT id, sum(n) OVER (ORDER BY k) AS a, sum(big) OVER (ORDER BY id ROWS 1 PRECEDING) AS b, count(*)
    OVER () AS c, avg(n) OVER (PARTITION BY k) AS d FROM orders;
SELECT id, max(k) OVER (ORDER BY id ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS a, min(amount)
    OVER (PARTITION BY yes) AS b FROM orders;
SELECT id, k FROM orders QUALIFY row_number() OVER (PARTITION BY k ORDER BY id) = 1;
SELECT id, row_number() OVER (ORDER BY id) AS place FROM orders QUALIFY place = 2;
SELECT k, sum(n) AS n, rank() OVER (ORDER BY sum(n) DESC) AS place FROM orders GROUP BY k;
SELECT id, on_day - lag(on_day) OVER (ORDER BY on_day, id) AS days FROM orders;

-- queries in queries
WITH a AS (SELECT k, sum(n) AS s FROM orders GROUP BY k), b AS (SELECT max(s) AS top FROM a) SELECT a.k,
    a.s / b.top AS share FROM a, b;
WITH x(a, b) AS (SELECT id, k FROM orders) SELECT b, a FROM x;
WITH orders AS (SELECT * FROM orders WHERE id > 2) SELECT count(*) AS n FROM orders;
SELECT id, (SELECT max(id) FROM customers) AS top, id * (SELECT count(*) FROM customers) AS much FROM orders;
SELECT id FROM orders WHERE id IN (SELECT id FROM customers) AND k IN ('a', 'B');
SELECT id FROM orders WHERE id NOT IN (SELECT id FROM customers);
SELECT k, count(*) AS n FROM orders GROUP BY k HAVING k IN (SELECT k FROM customers);
SELECT id FROM orders WHERE id NOT IN (SELECT id FROM customers WHERE id IS NOT NULL);

-- sets, order, limits
SELECT id, k FROM orders UNION ALL SELECT id, name FROM customers;
SELECT k FROM orders UNION SELECT k FROM customers ORDER BY k LIMIT 4;
SELECT k FROM orders EXCEPT SELECT k FROM customers;
SELECT k FROM orders INTERSECT SELECT k FROM customers;
SELECT n FROM orders UNION ALL SELECT 1.5;
SELECT id, k FROM orders ORDER BY k DESC, id;
SELECT id FROM orders ORDER BY -n NULLS FIRST LIMIT 2 OFFSET 1;
SELECT f FROM orders ORDER BY f DESC;
SELECT k, n FROM orders ORDER BY ALL;
SELECT id FROM (SELECT id FROM orders ORDER BY id DESC NULLS LAST LIMIT 3) ORDER BY id;
SELECT id FROM orders LIMIT 0;
