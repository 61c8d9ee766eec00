"""What a new project is made of: the text of each of its files."""

from __future__ import annotations

CONFIG = """\
# Where things are. What they mean stands in the files beside this one.
name = {name}
lake = "lake/"
# zone = "Europe/Berlin"       # whose days and hours count; UTC without it
"""

IGNORED = """\
lake/
.pumphouse/
"""

GATHER = '''\
"""Where the data comes from."""

import pumphouse as ph

{source} = ph.files({file}{format})
'''

TABLE = """\
/* pumphouse
{key}doc = "What came in {file}. Say here what a row is, and in which units." */
SELECT
{columns}
FROM {source}
"""

CHECKS = '''\
"""What must hold of the tables. A check that fails leaves the version before standing."""

import pumphouse as ph

{check} = ph.check("{table}", {condition})
'''

REPORT = """\
<!-- pumphouse
title = "{title}"
-->
There are **{{{{ size.row_count }}}}** rows in `{table}`.

```sql size
SELECT count(*) AS row_count FROM {table}
```
{chart}"""

CHART = """
```sql {block}
SELECT {by} AS {name}, count(*) AS row_count
FROM {table}
GROUP BY ALL
ORDER BY ALL
```

```chart {block}_bars
data = "{block}"
mark = "bar"
x = "{name}"
y = "row_count"
```
"""

README = """\
# {project}

    pumphouse run
    pumphouse show {table}
    pumphouse query "FROM {table}"
    pumphouse serve

The first builds what is stale, and nothing where nothing changed. The others look at it: what the table is and how it
stands, its rows, and all of it as pages, with the report.

| file | what it is |
|---|---|
| `pumphouse.toml` | where the lake is |
| `data/{file}` | what is gathered |
| `gather.py` | the source `{source}` |
| `{table}.sql` | the table `{table}` |
| `checks.py` | what must hold of it |
| `{report}.md` | a report on it |

Change one and run again: only what depends on it is built.
"""

ORDERS = """\
order_id,customer_id,ordered_at,country,item,quantity,amount_eur
1001,13,2026-01-05 09:12:00,DE,Rain Songs,1,9.90
1002,19,2026-01-07 01:06:00,,Blue in Green,1,11.90
1003,3,2026-01-08 15:04:00,DE,Kind of Tea,1,14.50
1004,2,2026-01-09 00:35:00,DE,Ten Small Rooms,2,33.80
1005,19,2026-01-09 19:09:00,DE,Ten Small Rooms,1,16.90
1006,28,2026-01-10 13:34:00,FR,Blue in Green,3,35.70
1007,18,2026-01-11 00:56:00,DE,Ten Small Rooms,1,16.90
1008,18,2026-01-11 17:05:00,FR,Rain Songs,1,9.90
1009,14,2026-01-12 10:28:00,FR,Night Ferry,3,36.00
1010,8,2026-01-13 20:44:00,NL,Rain Songs,1,9.90
1011,10,2026-01-14 16:43:00,AT,Blue in Green,3,35.70
1012,3,2026-01-16 02:41:00,FR,Rain Songs,3,29.70
1013,14,2026-01-17 05:22:00,,Kind of Tea,2,29.00
1014,26,2026-01-17 13:59:00,DE,Ten Small Rooms,3,50.70
1015,19,2026-01-18 17:13:00,DE,Ten Small Rooms,2,33.80
1016,23,2026-01-19 02:56:00,DE,Rain Songs,2,19.80
1017,10,2026-01-20 03:24:00,AT,Ten Small Rooms,2,33.80
1018,12,2026-01-21 06:25:00,DE,Blue in Green,2,23.80
1019,5,2026-01-21 13:46:00,DE,Kind of Tea,1,14.50
1020,15,2026-01-23 02:59:00,DE,Blue in Green,1,11.90
1021,9,2026-01-23 15:39:00,PL,Night Ferry,3,36.00
1022,3,2026-01-24 20:57:00,DE,Kind of Tea,1,14.50
1023,27,2026-01-25 16:12:00,DE,Blue in Green,2,23.80
1024,18,2026-01-25 19:48:00,FR,Kind of Tea,2,29.00
1025,21,2026-01-26 07:42:00,DE,Ten Small Rooms,3,50.70
1026,13,2026-01-27 13:49:00,FR,Night Ferry,2,24.00
1027,7,2026-01-27 21:23:00,DE,Kind of Tea,1,14.50
1028,19,2026-01-28 04:18:00,DE,Blue in Green,1,11.90
1029,3,2026-01-29 08:27:00,FR,Ten Small Rooms,1,16.90
1030,20,2026-01-29 21:55:00,DE,Rain Songs,1,9.90
1031,16,2026-01-31 10:34:00,DE,Night Ferry,2,24.00
1032,27,2026-02-01 13:17:00,FR,Rain Songs,2,19.80
1033,5,2026-02-02 06:37:00,AT,Ten Small Rooms,1,16.90
1034,23,2026-02-03 22:00:00,FR,Rain Songs,1,9.90
1035,18,2026-02-04 12:44:00,FR,Rain Songs,1,9.90
1036,26,2026-02-05 07:17:00,DE,Ten Small Rooms,1,16.90
1037,16,2026-02-06 02:05:00,DE,Kind of Tea,3,43.50
1038,9,2026-02-06 07:19:00,FR,Rain Songs,2,19.80
1039,31,2026-02-07 10:09:00,DE,Night Ferry,1,12.00
1040,7,2026-02-07 20:27:00,FR,Kind of Tea,2,29.00
"""
"""Made up. One row per order; EUR."""
