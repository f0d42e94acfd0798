"""Brings a host to where labs can run: ``python3 -m labctl.setup`` (what ``make up`` calls).

It runs before anything is installed, so these modules need the standard library only. The
host is observed once (`host.Host`), `plan.plan` turns that into steps without looking at
anything else, and `run.run` executes them, deciding nothing.
"""
