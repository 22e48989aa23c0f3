"""Limits that many workers share: the door to `dialkey.storage.limits`, where every room reaches them."""

from dialkey.storage.limits import DAY, TEN_MINUTES, Limit, OverLimit, hit, minutes_until, reached

__all__ = ["DAY", "TEN_MINUTES", "Limit", "OverLimit", "hit", "minutes_until", "reached"]
