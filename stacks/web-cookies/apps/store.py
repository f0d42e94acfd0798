"""What a shop remembers: sessions and orders, in a database that outlives the program."""

import os
import secrets
import sqlite3
from contextlib import closing

FOLDER = os.environ.get("DATA_DIR", ".")
TABLES = """
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, user TEXT, token TEXT, begun INTEGER);
CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, user TEXT, what TEXT);
"""
USERS = {"alice": "tea-party", "bob": "builder"}  # a real shop keeps hashes, and lets people choose


class Store:
    def __init__(self, name):
        self.path = os.path.join(FOLDER, f"{name}.db")

    def all(self, question, *values):
        """The rows that a statement yields; what it changes is kept."""
        with closing(sqlite3.connect(self.path, timeout=5)) as connection, connection:
            connection.executescript(TABLES)
            connection.row_factory = sqlite3.Row
            return connection.execute(question, values).fetchall()

    def one(self, question, *values):
        rows = self.all(question, *values)
        return rows[0] if rows else None


def is_user(name, password):
    return secrets.compare_digest(USERS.get(name, secrets.token_hex()).encode(), password.encode())


def signing_key(name):
    """A key that nobody else knows, made at the first start."""
    path = os.path.join(FOLDER, f"{name}.key")
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    with open(path) as file:
        return file.read()
