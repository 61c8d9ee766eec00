// Prints what lib/pq reads: the type and the text of each cell.
package main

import (
	"database/sql"
	"fmt"
	"log"
	"os"

	_ "github.com/lib/pq"
)

func main() {
	log.SetFlags(0)
	db, err := sql.Open("postgres", "sslmode=disable")
	if err != nil {
		log.Fatal(err)
	}
	print(db.Query(os.Args[1]))
	print(db.Query(os.Args[1]+" LIMIT $1", 1000))
}

func print(rows *sql.Rows, err error) {
	if err != nil {
		log.Fatal(err)
	}
	names, _ := rows.Columns()
	for rows.Next() {
		cells, places := make([]any, len(names)), make([]any, len(names))
		for at := range cells {
			places[at] = &cells[at]
		}
		if err := rows.Scan(places...); err != nil {
			log.Fatal(err)
		}
		for at, cell := range cells {
			if bytes, is := cell.([]byte); is {
				cell = fmt.Sprintf("%q", bytes)
			}
			fmt.Printf("%s %T %v\n", names[at], cell, cell)
		}
	}
	if rows.Err() != nil {
		log.Fatal(rows.Err())
	}
}
