"""Which address do I have? Ask the routing table, by way of an address that nobody has.

    python3 find_my_ip.py

192.0.2.0/24, 198.51.100.0/24 and 203.0.113.0/24 are for examples (TEST-NET-1, 2, 3: RFC 5737), so
they are never behind a cable of ours: the way there is the way to the Internet. `connect` on a UDP
socket sends nothing. It only writes down to whom later packets go, and so the kernel has to choose
the interface that they would leave by, and the address that they would come from.
"""

import collections
import socket
import sys

EXAMPLES = ("192.0.2.0", "198.51.100.0", "203.0.113.0")


def address_towards(target):
    """The address that this machine would have for `target`; None where no way leads there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((target, 80))
        except OSError:  # no route
            return None
        return probe.getsockname()[0]


def find_my_ip():
    """The address that most of the three agree on; None on a machine without a way out."""
    found = [address for address in map(address_towards, EXAMPLES) if address]
    return collections.Counter(found).most_common(1)[0][0] if found else None


if __name__ == "__main__":
    mine = find_my_ip()
    if mine is None:
        sys.exit("no way leads out of this machine")
    print(mine)
