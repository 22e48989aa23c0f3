"""Consent: what a subscription allowed a product, per scope, with the text that it saw.

The door: `asking` (pure) tells what must be asked; `Consents.remember` and `Consents.withdraw` change it.
"""
