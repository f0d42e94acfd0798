<?php
// Applies the migrations that the database has not seen yet, in the order of their names.
//
// Each is a transaction of its own, together with the note that it was made: it has happened or it
// has not. Several programs that start at once wait for each other (pg_advisory_xact_lock).
declare(strict_types=1);
require __DIR__ . '/database.php';

$database = database();
foreach (glob(__DIR__ . '/migrations/*.sql') as $file) {
    $name = basename($file);
    $database->beginTransaction();
    $database->query('SELECT pg_advisory_xact_lock(1)');
    $database->exec('CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)');
    if (!query('SELECT 1 FROM migrations WHERE name = ?', $name)) {
        $database->exec(file_get_contents($file));
        query('INSERT INTO migrations VALUES (?)', $name);
        echo "migrated: $name\n";
    }
    $database->commit();
}
