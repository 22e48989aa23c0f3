"""What products' own servers call with a client credentials token: events of their consents, consents of their
subscribers, products of an operator. JSON in and out, members in camel case.

The door: `EventRoutes`, `ConsentRoutes`, `ProductRoutes`.
"""
