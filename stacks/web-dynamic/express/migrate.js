// Applies the migrations that the database has not seen yet, in the order of their names.
//
// Each is a transaction of its own, together with the note that it was made: it has happened or it
// has not. Several programs that start at once wait for each other (pg_advisory_xact_lock).
'use strict';
const fs = require('fs');
const path = require('path');
const { Client } = require('pg');

const folder = path.join(__dirname, 'migrations');

async function migrate(client, name) {
  await client.query('BEGIN');
  await client.query('SELECT pg_advisory_xact_lock(1)');
  await client.query('CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)');
  const seen = await client.query('SELECT 1 FROM migrations WHERE name = $1', [name]);
  if (seen.rows.length === 0) {
    await client.query(fs.readFileSync(path.join(folder, name), 'utf8'));
    await client.query('INSERT INTO migrations VALUES ($1)', [name]);
    console.log('migrated:', name);
  }
  await client.query('COMMIT');
}

async function main() {
  const client = new Client({ connectionTimeoutMillis: 5000 });
  await client.connect();
  try {
    for (const name of fs.readdirSync(folder).filter((one) => one.endsWith('.sql')).sort()) {
      await migrate(client, name);
    }
  } finally {
    await client.end();
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
