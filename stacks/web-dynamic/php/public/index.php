<?php
// The one program that a visitor reaches: whatever is asked for, nginx hands it on to this file.
declare(strict_types=1);
require __DIR__ . '/../todo.php';

try {
    answer($_SERVER['REQUEST_METHOD'], rawurldecode(strtok($_SERVER['REQUEST_URI'], '?')));
} catch (PDOException $problem) {
    error_log($problem->getMessage());
    plain(503, "The database does not answer.\n");
}
