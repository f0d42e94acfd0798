<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>To do</title>
<style>
body { max-width: 38rem; margin: 1rem auto; padding: 0 1rem; font: 1rem/1.5 sans-serif; color: #222; background: #fff; }
label { display: block; margin-top: .5rem; }
input, button { font: inherit; padding: .3rem .6rem; max-width: 100%; box-sizing: border-box; }
li { margin: .4rem 0; overflow-wrap: anywhere; }
li form { display: inline; }
[role=alert] { border-left: .3rem solid #a00; padding-left: .6rem; }
</style>
</head>
<body>
<header>
<h1>To do</h1>
<p><?= e($framework) ?>: <?= e($people) ?> people, <?= e($all_tasks) ?> tasks</p>
</header>
<main>
<?php if ($message): ?>
<p role="alert"><?= e($message) ?></p>
<?php endif ?>
<?php if ($person): ?>
<h2>Tasks of <?= e($person['name']) ?></h2>
<ul>
<?php foreach ($tasks as $task): ?>
<li>
<?php if ($task['done']): ?><s><?= e($task['text']) ?></s><?php else: ?><?= e($task['text']) ?><?php endif ?>
<form method="post" action="/tasks/<?= e($task['id']) ?>/done">
<input type="hidden" name="csrf" value="<?= e($csrf) ?>">
<button aria-label="Done or not: <?= e($task['text']) ?>">✓</button>
</form>
<form method="post" action="/tasks/<?= e($task['id']) ?>/delete">
<input type="hidden" name="csrf" value="<?= e($csrf) ?>">
<button aria-label="Delete: <?= e($task['text']) ?>">✗</button>
</form>
</li>
<?php endforeach ?>
</ul>
<form method="post" action="/tasks">
<input type="hidden" name="csrf" value="<?= e($csrf) ?>">
<label for="text">New task</label>
<input id="text" name="text" required maxlength="200">
<button>Add</button>
</form>
<form method="post" action="/logout">
<input type="hidden" name="csrf" value="<?= e($csrf) ?>">
<p><button>Log out</button></p>
</form>
<?php else: ?>
<h2>Who are you?</h2>
<form method="post" action="/login">
<input type="hidden" name="csrf" value="<?= e($csrf) ?>">
<label for="name">Name</label>
<input id="name" name="name" required maxlength="40" autocomplete="username">
<label for="password">Password</label>
<input id="password" name="password" type="password" required maxlength="200" autocomplete="current-password">
<p><button>Log in</button> <button formaction="/register">Register</button></p>
</form>
<?php endif ?>
</main>
</body>
</html>
