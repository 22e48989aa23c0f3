"""Accounts: people who sign in to the portal, how they prove who they are, and their sessions.

The door: `Accounts` (rules.py).
"""
