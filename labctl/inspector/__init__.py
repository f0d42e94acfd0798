"""The inspector: what browsers and servers say to each other, recorded and shown while it happens.

This package is not part of the ``labctl`` command. The kind ``inspect`` copies it to the front's
machine, where ``python3 -m inspector`` runs it, so it imports the standard library only.

    front, port 443 -> inspector, port 82 -> front, port 81 -> the service that answers the site

It hands on what it gets, in both directions and at once, byte by byte but for one header field
of the front's (``http1.NOTE``). Records are bounded in number and in bytes, and in memory only.
"""
