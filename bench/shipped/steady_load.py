"""A steady load of HTTPS requests at a fixed rate; runs inside the load generator's container.

Arguments: URL, the path of a CA certificate, seconds. Some clients keep their connections,
others open one a request. A request that is not answered by a whole 200 has failed. One on a
kept connection that the server had closed before any byte of an answer is sent again, once, on
a new connection, as RFC 9112 section 9.3.1 says a client should, and counted. Prints JSON.
Standard library only.
"""

import http.client
import json
import ssl
import sys
import threading
import time
import urllib.parse

KEEPING, KEEPING_RATE = 10, 30  # clients, and requests a second of each
FRESH, FRESH_RATE = 4, 25
GONE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class Client(threading.Thread):
    def __init__(self, url, context, end, rate, keep):
        super().__init__()
        self.url, self.context, self.end = url, context, end
        self.pause, self.keep = 1 / rate, keep
        self.connection, self.used = None, False
        self.done, self.again, self.failures = 0, 0, []

    def run(self):
        due = time.monotonic()
        while due < self.end:
            time.sleep(max(0, due - time.monotonic()))  # the rate: each request has its time
            try:
                self.ask()
                self.done += 1
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                self.close()
            due += self.pause

    def ask(self):
        if self.connection is None:
            self.open()
        try:
            self.exchange()
        except GONE:
            if not self.used:
                raise
            self.again += 1
            self.close()
            self.open()
            self.exchange()
        self.used = True
        if not self.keep:
            self.close()

    def exchange(self):
        self.connection.request("GET", self.url.path)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200 or not body:
            raise ValueError(f"status {answer.status}, {len(body)} bytes")
        if answer.will_close:
            self.close()

    def open(self):
        self.connection = http.client.HTTPSConnection(
            self.url.hostname, self.url.port, timeout=5, context=self.context
        )
        self.used = False

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


def main():
    url, authority, seconds = sys.argv[1:]
    context = ssl.create_default_context(cafile=authority)
    end = time.monotonic() + float(seconds)
    kinds = [(KEEPING_RATE, True)] * KEEPING + [(FRESH_RATE, False)] * FRESH
    split = urllib.parse.urlsplit(url)
    clients = [Client(split, context, end, rate, keep) for rate, keep in kinds]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    failures = [failure for client in clients for failure in client.failures]
    print(
        json.dumps(
            {
                "done": sum(client.done for client in clients),
                "again": sum(client.again for client in clients),
                "failed": len(failures),
                "failures": sorted(set(failures))[:5],
            }
        )
    )


main()
