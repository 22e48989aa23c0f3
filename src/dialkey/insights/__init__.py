"""Insights: what happened at a client, told to its developer, and how many of each, counted for everybody concerned.

The door: `Insights` (rules.py).
"""
