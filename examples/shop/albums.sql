/* pumphouse
doc = "What the shop's site offers. One row per album; US dollars. Fictional."
key = "sku" */
SELECT
    sku,
    title,
    artist,
    genre,
    CAST(released AS INTEGER) AS released,
    CAST(replace(price, '$', '') AS DECIMAL(8, 2)) AS price_usd
FROM raw_albums
