"""Dialkey: the open identity provider that lets a mobile operator's subscribers log in with their phone number."""

__version__ = "0.1.0"
