"""Developers: what the people of an organization may do, each in their own name.

The door: `Access` (access.py) fetches in the name of an `Actor`; the use cases beside it take that actor first.
"""
