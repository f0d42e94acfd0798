"""The handler as WSGI (PEP 3333) has it: gunicorn calls it in threads of processes of its own."""

import handler


def application(environ, start_response):
    body = handler.answer(f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}")
    head = [("Content-Type", handler.TYPE), ("Content-Length", str(len(body or b"")))]
    start_response("404 Not Found" if body is None else "200 OK", head)
    return [body or b""]
