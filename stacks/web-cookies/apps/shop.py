"""Two shops of the same trade: careless.<domain> is run by careless.py, all else by careful.py.

What the second one does better: diff -u careless.py careful.py
"""

import careful
import careless


def app(environ, start_response):
    host = environ.get("HTTP_HOST", "")
    chosen = careless.app if host.startswith("careless.") else careful.app
    return chosen(environ, start_response)
