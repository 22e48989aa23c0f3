"""Subscribers: the contract at an operator, the number it has now, and the subject that one sector sees.

The door: `SubscriberStore` (store.py), `Subscribers` (rules.py), `numbering` for reading typed numbers,
`subjects.subject` for pairwise identifiers.
"""
