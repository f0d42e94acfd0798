"""Applies the migrations that the database has not seen yet, in the order of their names.

Each is a transaction of its own, together with the note that it was made: it has happened or it
has not. Several programs that start at once wait for each other (pg_advisory_xact_lock).
"""

from pathlib import Path

import psycopg

MIGRATIONS = sorted((Path(__file__).parent / "migrations").glob("*.sql"))

with psycopg.connect(connect_timeout=5) as connection:
    for migration in MIGRATIONS:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(1)")
            connection.execute("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)")
            seen = connection.execute(
                "SELECT 1 FROM migrations WHERE name = %s", [migration.name]
            ).fetchone()
            if seen is None:
                connection.execute(migration.read_text())
                connection.execute("INSERT INTO migrations VALUES (%s)", [migration.name])
                print("migrated:", migration.name, flush=True)
