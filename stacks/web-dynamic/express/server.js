// A to-do list with accounts, in Express.
//
// What people write is in PostgreSQL, where the environment says (PGHOST, PGUSER, …). Who somebody
// is stands in a signed cookie (session.js).
'use strict';
const crypto = require('crypto');
const { promisify } = require('util');
const ejs = require('ejs');
const express = require('express');
const { Pool } = require('pg');
const session = require('./session');

const { version } = require('express/package.json');
const scrypt = promisify(crypto.scrypt);
const pool = new Pool({ max: 5, connectionTimeoutMillis: 5000 });
pool.on('error', (error) => console.error('database:', error.message));

const query = async (sql, ...values) => (await pool.query(sql, values)).rows;
// Express 4 does not wait for promises: what goes wrong in one is handed on here
const route = (answer) => (request, response, next) => answer(request, response).catch(next);

const app = express();
app.engine('ejs', ejs.renderFile);
app.set('view engine', 'ejs');
app.set('views', `${__dirname}/views`);
app.set('query parser', 'simple');
app.disable('x-powered-by');
app.use(express.urlencoded({ extended: false, limit: '16kb' }));

app.use((request, response, next) => {
  request.session = session.read(request.headers.cookie);
  // A form must carry what only a page of this site knows (cross-site request forgery).
  const known = request.session.csrf || '';
  const sent = String((request.body || {}).csrf || '');
  if (request.method === 'POST' && !(known && session.same(sent, known))) {
    return response.sendStatus(403);
  }
  return next();
});

async function person(request) {
  const [found] = await query('SELECT id, name FROM people WHERE id = $1', request.session.person);
  return found;
}

async function page(request, response, message = '', status = 200) {
  const who = await person(request);
  const csrf = request.session.csrf || crypto.randomBytes(16).toString('base64url');
  session.write(response, { ...request.session, csrf });
  const [counts] = await query('SELECT (SELECT count(*) FROM people) p, (SELECT count(*) FROM tasks) t');
  const tasks = who
    ? await query('SELECT * FROM tasks WHERE person = $1 ORDER BY id', who.id) : [];
  response.status(status).render('todo', {
    framework: `Express ${version} under Node.js ${process.versions.node}`,
    people: counts.p, all_tasks: counts.t, csrf, person: who, tasks, message,
  });
}

// From now on this browser is that person: with a session that nobody knew before.
function enter(response, number) {
  session.write(response, { person: number });
  response.redirect(303, '/');
}

const field = (request, name) => String((request.body || {})[name] || '');

async function hashed(password, salt = crypto.randomBytes(16).toString('hex')) {
  return `${salt}:${(await scrypt(password, salt, 64)).toString('hex')}`;
}

app.get('/', route(page));

app.post('/register', route(async (request, response) => {
  const [name, password] = [field(request, 'name').trim(), field(request, 'password')];
  const good = name.length >= 1 && name.length <= 40 && !/\p{C}/u.test(name);
  if (!good || password.length < 8 || password.length > 200) {
    return page(request, response, 'A name of at most 40 characters, and a password of at least 8.', 400);
  }
  const [made] = await query(
    'INSERT INTO people (name, password) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id',
    name, await hashed(password),
  );
  return made ? enter(response, made.id) : page(request, response, 'That name is taken.', 409);
}));

app.post('/login', route(async (request, response) => {
  const name = field(request, 'name').trim().replaceAll('\0', '');
  const [found] = await query('SELECT id, password FROM people WHERE name = $1', name);
  const [salt] = found ? found.password.split(':') : [''];
  if (!found || !session.same(await hashed(field(request, 'password'), salt), found.password)) {
    return page(request, response, 'No such name, or another password.', 403);
  }
  return enter(response, found.id);
}));

app.post('/logout', (request, response) => {
  session.write(response, {});
  response.redirect(303, '/');
});

app.post('/tasks', route(async (request, response) => {
  const [who, text] = [await person(request), field(request, 'text').trim()];
  if (!who) return response.sendStatus(403);
  if (text.length < 1 || text.length > 200 || text.includes('\0')) {
    return page(request, response, 'A task has 1 to 200 characters.', 400);
  }
  await query('INSERT INTO tasks (person, text) VALUES ($1, $2)', who.id, text);
  return response.redirect(303, '/');
}));

// Only one's own tasks: somebody else's are not there.
const STATEMENTS = {
  done: 'UPDATE tasks SET done = NOT done WHERE id = $1 AND person = $2 RETURNING id',
  delete: 'DELETE FROM tasks WHERE id = $1 AND person = $2 RETURNING id',
};
app.post('/tasks/:number/:action', route(async (request, response) => {
  const { number, action } = request.params;
  const who = await person(request);
  if (!who) return response.sendStatus(403);
  if (!/^\d{1,18}$/.test(number) || !Object.hasOwn(STATEMENTS, action)) return response.sendStatus(404);
  const rows = await query(STATEMENTS[action], number, who.id);
  return rows.length ? response.redirect(303, '/') : response.sendStatus(404);
}));

app.get('/people/:name', route(async (request, response) => {
  const found = await query(
    'SELECT name, count(tasks.id) FILTER (WHERE NOT done) AS open FROM people'
    + ' LEFT JOIN tasks ON tasks.person = people.id WHERE name = $1 GROUP BY name',
    request.params.name.replaceAll('\0', ''),
  );
  if (!found.length) return response.sendStatus(404);
  return response.type('text/plain').send(found.map((row) => `${row.name}: ${row.open} open tasks\n`).join(''));
}));

app.get('/health', route(async (request, response) => {
  await query('SELECT 1');
  response.type('text/plain').send('ok\n');
}));

// Four arguments make it the one that is told of errors. Those of a lost connection are the
// system's (ECONNREFUSED), or have a code of PostgreSQL's classes 08, 53 and 57.
app.use((error, request, response, _next) => {
  const lost = /^(E[A-Z]+|(08|53|57)...)$/.test(error.code || '') || /connect|timeout/i.test(error.message);
  const status = error.status || (lost ? 503 : 500);
  console.error(error.message);
  response.status(status).type('text/plain').send(status === 503 ? 'The database does not answer.\n' : `${status}\n`);
});

const server = app.listen(process.env.PORT, process.env.HOST);
server.keepAliveTimeout = 75000; // longer than the front keeps a connection
process.on('SIGTERM', () => { server.close(); server.closeAllConnections(); pool.end(); });
