<?php
// The database, where the environment says (PGHOST, PGUSER, …).
declare(strict_types=1);

function database(): PDO
{
    static $database = null;
    return $database ??= new PDO(
        sprintf('pgsql:host=%s;port=%s;dbname=%s;connect_timeout=5',
            getenv('PGHOST'), getenv('PGPORT'), getenv('PGDATABASE')),
        getenv('PGUSER'),
        getenv('PGPASSWORD'),
        [
            PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
            PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
            PDO::ATTR_EMULATE_PREPARES => false,
        ],
    );
}

/** The rows that a statement yields. */
function query(string $sql, mixed ...$values): array
{
    $statement = database()->prepare($sql);
    $statement->execute($values);
    return $statement->columnCount() ? $statement->fetchAll() : [];
}
