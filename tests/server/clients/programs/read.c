/* Prints what libpq reads: each cell as text, then each cell in binary as hexadecimal digits. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static void print(PGconn *connection, const char *sql, int format) {
    PGresult *result = PQexecParams(connection, sql, 0, NULL, NULL, NULL, NULL, format);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s", PQerrorMessage(connection));
        exit(1);
    }
    for (int row = 0; row < PQntuples(result); row++)
        for (int column = 0; column < PQnfields(result); column++) {
            printf("%s %u ", PQfname(result, column), PQftype(result, column));
            if (PQgetisnull(result, row, column)) printf("null");
            else if (format == 0) printf("%s", PQgetvalue(result, row, column));
            else for (int at = 0; at < PQgetlength(result, row, column); at++)
                printf("%02x", (unsigned char)PQgetvalue(result, row, column)[at]);
            printf("\n");
        }
    PQclear(result);
}

int main(int count, char **arguments) {
    PGconn *connection = PQconnectdb("");
    if (count != 2 || PQstatus(connection) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(connection));
        return 1;
    }
    print(connection, arguments[1], 0);
    print(connection, arguments[1], 1);
    PQfinish(connection);
    return 0;
}
