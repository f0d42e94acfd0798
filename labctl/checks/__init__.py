"""Checks: real clients, asked inside the lab; one module a client.

A client module is sent to the client machine and uses Python's standard library and the
machine's programs only: ``ask(request) -> seen``, both plain dictionaries. What must hold is
compared here (``labctl.checks.expect``), where the checked cannot reach.
"""
