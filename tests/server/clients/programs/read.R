# Prints what RPostgreSQL reads: the class and the text of each cell.
suppressPackageStartupMessages(library(DBI))
get <- Sys.getenv
connection <- dbConnect(RPostgreSQL::PostgreSQL(), host = get("PGHOST"), port = as.integer(get("PGPORT")),
                        dbname = get("PGDATABASE"), user = get("PGUSER"), password = get("PGPASSWORD"))
rows <- dbGetQuery(connection, commandArgs(TRUE)[1])
for (row in seq_len(nrow(rows))) for (name in names(rows)) {
  value <- rows[row, name]
  cat(name, class(value)[1], if (is.na(value) && !is.nan(value)) "null" else format(value, digits = 17), "\n")
}
invisible(dbDisconnect(connection))
