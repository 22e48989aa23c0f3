"""Mail: messages queued in the transaction that causes them, and the ways in which they travel.

The door: `Mail` (outbox.py).
"""
