<?php echo htmlspecialchars($_SERVER["HTTP_X_CLIENT"]);
