"""How long certificates live, and when they are renewed. Standard library only."""

from __future__ import annotations

from datetime import datetime, timedelta

BACKDATED = timedelta(hours=1)
ROOT = timedelta(days=3650)
INTERMEDIATE = timedelta(days=730)
LEAF = timedelta(days=90)

LIST = timedelta(days=60)

RENEW_LEAF = timedelta(days=30)
RENEW_LIST = timedelta(days=30)
# Above a leaf's life, so that no leaf is cut short by its issuer.
RENEW_INTERMEDIATE = LEAF + RENEW_LEAF


def validity(now: datetime, life: timedelta, limit: datetime | None) -> tuple[datetime, datetime]:
    """First and last moment of a certificate made at ``now``, ended by ``limit`` at the latest.

    It begins an hour early: a client's clock may be a little behind.
    """
    end = now + life
    return now - BACKDATED, end if limit is None else min(end, limit)
