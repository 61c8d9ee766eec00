<?php
// Prints what PDO reads: the type and the text of each cell, by a plain and by a prepared statement.
$db = new PDO(sprintf("pgsql:host=%s;port=%s;dbname=%s", getenv("PGHOST"), getenv("PGPORT"), getenv("PGDATABASE")),
              getenv("PGUSER"), getenv("PGPASSWORD") ?: null);
$plain = $db->query($argv[1]);
$prepared = $db->prepare($argv[1] . " LIMIT ?");
$prepared->execute([1000]);
foreach ([$plain, $prepared] as $statement)
    while ($row = $statement->fetch(PDO::FETCH_ASSOC))
        foreach ($row as $name => $value) {
            if (is_resource($value)) $value = "bytes " . bin2hex(stream_get_contents($value));
            echo $name, " ", gettype($value), " ", var_export($value, true), "\n";
        }
