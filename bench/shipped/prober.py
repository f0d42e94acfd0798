"""Asks servers in their own protocol until all answer; runs inside a lab's client machine.

Standard input's first argument: a JSON list of targets, each {name, transport (tcp, tls, udp),
host, port, server_name, send (hex), expect (regular expression over the answer's bytes)}.
Prints JSON: seconds until all answered, and how often each was asked. Standard library only.
"""

import json
import re
import socket
import ssl
import sys
import threading
import time

LIMIT = 60.0  # seconds for all
PATIENCE = 1.0  # seconds for one answer
PAUSE = 0.02  # seconds between two attempts


def connected(target):
    kind = socket.SOCK_DGRAM if target["transport"] == "udp" else socket.SOCK_STREAM
    connection = socket.socket(socket.AF_INET, kind)
    connection.settimeout(PATIENCE)
    connection.connect((target["host"], target["port"]))
    if target["transport"] == "tls":
        context = ssl.create_default_context()
        return context.wrap_socket(connection, server_hostname=target["server_name"])
    return connection


def answers(target):
    try:
        with connected(target) as connection:
            if target["send"]:
                connection.sendall(bytes.fromhex(target["send"]))
            answer = connection.recv(65536)
    except OSError:
        return False
    return re.match(target["expect"].encode("latin-1"), answer, re.DOTALL) is not None


def ask(target, end, attempts):
    while time.monotonic() < end:
        attempts[target["name"]] += 1
        if answers(target):
            return
        time.sleep(PAUSE)  # between two questions to one that does not answer yet
    attempts[target["name"]] = -1


def main():
    targets = json.loads(sys.argv[1])
    start = time.monotonic()
    attempts = {target["name"]: 0 for target in targets}
    threads = [
        threading.Thread(target=ask, args=(target, start + LIMIT, attempts)) for target in targets
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"seconds": time.monotonic() - start, "attempts": attempts}))


main()
