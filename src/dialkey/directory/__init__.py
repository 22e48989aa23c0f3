"""Directory: operators, organizations, their products and OAuth clients, and which product is offered where.

The door: `Directory` (rules.py) for changes; `ClientDirectory` (store.py) for what the protocol looks up.
"""
