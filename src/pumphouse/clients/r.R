# Reads tables of a Pumphouse server over DBI. Made by `pumphouse clients`.

.connect <- function(host, port, database, user, token, sslmode) {
  if (!nzchar(token)) stop("there is no token: give it, or set PUMPHOUSE_TOKEN", call. = FALSE)
  if (requireNamespace("RPostgres", quietly = TRUE)) {
    return(DBI::dbConnect(RPostgres::Postgres(), host = host, port = port, dbname = database, user = user,
                          password = token, sslmode = sslmode))
  }
  if (!requireNamespace("RPostgreSQL", quietly = TRUE)) {
    stop("install.packages(\"RPostgres\") or install.packages(\"RPostgreSQL\") first", call. = FALSE)
  }
  before <- Sys.getenv("PGSSLMODE", unset = NA)  # RPostgreSQL has no other way to say it
  on.exit(if (is.na(before)) Sys.unsetenv("PGSSLMODE") else Sys.setenv(PGSSLMODE = before))
  Sys.setenv(PGSSLMODE = sslmode)
  DBI::dbConnect(RPostgreSQL::PostgreSQL(), host = host, port = port, dbname = database, user = user, password = token)
}

disconnect <- function(connection) invisible(DBI::dbDisconnect(connection))

# Every column is asked for as text that has all of it, and made what it is here: no driver rounds a number before.
.read <- function(connection, table, kinds, columns, where, values, order, limit, digits) {
  if (!is.null(columns)) {
    unknown <- setdiff(columns, names(kinds))
    if (length(unknown)) stop("'", table, "' has no column '", unknown[1], "'; it has ", toString(names(kinds)), call. = FALSE)
    kinds <- kinds[columns]
  }
  name <- function(one) paste0('"', gsub('"', '""', one, fixed = TRUE), '"')
  asked <- mapply(.asked, paste0("t.", name(names(kinds))), kinds)
  sql <- paste0("SELECT ", paste0(asked, " AS c", seq_along(kinds), collapse = ", "), " FROM ", name(table), " AS t")
  if (!is.null(where)) {
    condition <- if (length(values)) DBI::sqlInterpolate(DBI::ANSI(), where, .dots = lapply(values, .literal)) else where
    sql <- paste0(sql, " WHERE (", condition, "\n)")
  }
  if (!is.null(order)) {
    down <- startsWith(order, "-") & !(order %in% names(kinds))
    by <- paste0("t.", name(ifelse(down, substring(order, 2), order)), ifelse(down, " DESC", ""))
    sql <- paste0(sql, " ORDER BY ", paste(by, collapse = ", "))
  }
  if (is.finite(limit)) sql <- paste0(sql, " LIMIT ", format(floor(limit), scientific = FALSE))
  found <- DBI::dbGetQuery(connection, sql)
  cells <- Map(function(column, kind, label) .made(column, kind, label, digits), as.list(found), kinds, names(kinds))
  structure(cells, names = names(kinds), row.names = .set_row_names(nrow(found)), class = "data.frame")
}

.asked <- function(column, kind) {
  switch(kind,
    POSIXct = paste0("CAST(epoch_us(", column, ") AS VARCHAR)"),
    hex = paste0("hex(", column, ")"),
    paste0("CAST(", column, " AS VARCHAR)"))
}

.made <- function(column, kind, label, digits) {
  column <- as.character(column)
  Encoding(column) <- "UTF-8"
  switch(kind,
    exact = if (digits == "text") column else .exact(column, label),
    numeric = as.numeric(column),
    integer = as.integer(column),
    logical = column == "true",
    Date = as.Date(column),
    POSIXct = as.POSIXct(as.numeric(column) / 1e6, origin = "1970-01-01", tz = "UTC"),
    column)
}

# Whole numbers and decimals as numbers of R; an error where one has more digits than those hold.
.exact <- function(column, label) {
  number <- as.numeric(column)
  written <- ifelse(grepl(".", column, fixed = TRUE), sub("[.]?0*$", "", column), column)
  significant <- nchar(gsub("[-.]", "", sub("^-?[0.]*", "", written)))
  lost <- !is.na(column) & significant > 15 & written != sprintf("%.0f", number)
  if (any(lost)) {
    stop("'", label, "' has ", column[lost][1], ", which is more digits than a number of R holds; ask with digits = \"text\"",
         call. = FALSE)
  }
  number
}

.literal <- function(value) {
  if (inherits(value, "POSIXt")) return(format(value, "%Y-%m-%dT%H:%M:%OS6Z", tz = "UTC"))
  if (inherits(value, "Date")) return(format(value))
  value
}
