"""The course's exercise: POST /api/register keeps a name and a token, GET /info/NAME shows them.

Both are yours to write. This is a WSGI application (PEP 3333) without a framework: gunicorn calls
`app` for each request. Use Flask in its place if you like, or a server of your own, anywhere.
"""

PEOPLE = {}  # "à tout hasard dans un dictionnaire"


def app(environ, start_response):
    """What was asked is in environ: REQUEST_METHOD, PATH_INFO, and the body in wsgi.input."""
    if environ["PATH_INFO"] == "/":
        status, page = "200 OK", "<h1>Nothing registered yet</h1>\n"
    else:
        status, page = "501 Not Implemented", "<h1>Not written yet</h1>\n"
    start_response(status, [("Content-Type", "text/html; charset=utf-8")])
    return [page.encode()]
