<?php
// A to-do list with accounts, in PHP without a framework.
//
// What people write is in PostgreSQL. Who somebody is stands in a file on the server (PHP's own
// sessions); the browser's cookie only says which.
declare(strict_types=1);
require __DIR__ . '/database.php';

const STATEMENTS = [
    'done' => 'UPDATE tasks SET done = NOT done WHERE id = ? AND person = ? RETURNING id',
    'delete' => 'DELETE FROM tasks WHERE id = ? AND person = ? RETURNING id',
];

function answer(string $method, string $path): void
{
    session_name('session');
    session_set_cookie_params(['secure' => true]);
    if ($method === 'GET' && $path === '/health') {
        query('SELECT 1');
        plain(200, "ok\n");
    } elseif ($method === 'GET' && preg_match('#^/people/([^/]+)\z#', $path, $found)) {
        profile($found[1]);
    } else {
        session_start();
        match (true) {
            $method === 'POST' && !own_form() => plain(403, "Forbidden\n"),
            $method === 'GET' && $path === '/' => page(),
            $method === 'POST' && $path === '/register' => register(),
            $method === 'POST' && $path === '/login' => login(),
            $method === 'POST' && $path === '/logout' => leave(),
            $method === 'POST' && $path === '/tasks' => add(),
            $method === 'POST' && preg_match('#^/tasks/(\d{1,18})/(done|delete)\z#', $path, $found) === 1
                => change($found[1], $found[2]),
            default => plain(404, "Not found\n"),
        };
    }
}

/** A form must carry what only a page of this site knows (cross-site request forgery). */
function own_form(): bool
{
    $known = $_SESSION['csrf'] ?? '';
    return $known !== '' && hash_equals($known, field('csrf'));
}

function field(string $name): string
{
    $sent = $_POST[$name] ?? '';
    return is_string($sent) ? $sent : '';
}

/** A value as text of a page. */
function e(mixed $value): string
{
    return htmlspecialchars((string) $value, ENT_QUOTES | ENT_SUBSTITUTE);
}

function plain(int $status, string $text): void
{
    http_response_code($status);
    header('Content-Type: text/plain; charset=utf-8');
    echo $text;
}

function person(): ?array
{
    return query('SELECT id, name FROM people WHERE id = ?', $_SESSION['person'] ?? null)[0] ?? null;
}

function page(string $message = '', int $status = 200): void
{
    $person = person();
    $csrf = $_SESSION['csrf'] ??= bin2hex(random_bytes(16));
    [$counts] = query('SELECT (SELECT count(*) FROM people) p, (SELECT count(*) FROM tasks) t');
    ['p' => $people, 't' => $all_tasks] = $counts;
    $tasks = $person ? query('SELECT * FROM tasks WHERE person = ? ORDER BY id', $person['id']) : [];
    $framework = 'PHP ' . PHP_VERSION . ' under ' . PHP_SAPI;
    http_response_code($status);
    header('Content-Type: text/html; charset=utf-8');
    require __DIR__ . '/templates/todo.php';
}

/** From now on this browser is that person: with a session that nobody knew before. */
function enter(int $number): void
{
    session_regenerate_id(true);
    $_SESSION = ['person' => $number];
    header('Location: /', true, 303);
}

function register(): void
{
    [$name, $password] = [trim(field('name')), field('password')];
    $good = preg_match('/^\P{C}{1,40}\z/u', $name) === 1 && !str_contains($password, "\0");
    if (!$good || strlen($password) < 8 || strlen($password) > 200) {
        page('A name of at most 40 characters, and a password of at least 8.', 400);
        return;
    }
    $made = query(
        'INSERT INTO people (name, password) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id',
        $name,
        password_hash($password, PASSWORD_DEFAULT),
    );
    $made ? enter((int) $made[0]['id']) : page('That name is taken.', 409);
}

function login(): void
{
    $name = text(trim(field('name')));
    $found = query('SELECT id, password FROM people WHERE name = ?', $name);
    if (!$found || !password_verify(field('password'), $found[0]['password'])) {
        page('No such name, or another password.', 403);
        return;
    }
    enter((int) $found[0]['id']);
}

function leave(): void
{
    $_SESSION = [];
    session_destroy();
    header('Location: /', true, 303);
}

function add(): void
{
    [$who, $text] = [person(), trim(field('text'))];
    if ($who === null) {
        plain(403, "Forbidden\n");
    } elseif ($text !== text($text) || mb_len($text) < 1 || mb_len($text) > 200) {
        page('A task has 1 to 200 characters.', 400);
    } else {
        query('INSERT INTO tasks (person, text) VALUES (?, ?)', $who['id'], $text);
        header('Location: /', true, 303);
    }
}

/** Only one's own tasks: somebody else's are not there. */
function change(string $number, string $action): void
{
    $who = person();
    if ($who === null) {
        plain(403, "Forbidden\n");
    } elseif (!query(STATEMENTS[$action], $number, $who['id'])) {
        plain(404, "Not found\n");
    } else {
        header('Location: /', true, 303);
    }
}

function profile(string $name): void
{
    $found = query(
        'SELECT name, count(tasks.id) FILTER (WHERE NOT done) AS open FROM people'
        . ' LEFT JOIN tasks ON tasks.person = people.id WHERE name = ? GROUP BY name',
        text($name),
    );
    $lines = array_map(fn (array $row): string => "{$row['name']}: {$row['open']} open tasks\n", $found);
    $found ? plain(200, implode($lines)) : plain(404, "Not found\n");
}

/** What a database takes as text: UTF-8 without NUL. */
function text(string $value): string
{
    return preg_match('//u', $value) ? str_replace("\0", '', $value) : '';
}

/** How many characters a text has, which are not its bytes. */
function mb_len(string $value): int
{
    return (int) preg_match_all('/./su', $value);
}
