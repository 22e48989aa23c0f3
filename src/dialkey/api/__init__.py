"""The JSON API for developers: what the portal does, for programs that hold an API key.

The door: `ApiRoutes` (routes.py). `table.OPERATIONS` is the one list that routing, checks, the OpenAPI document, the
reference and the access tests are made from. No rule and no SQL of the domain stands here: every handler calls a use case
of `developers/` in the name of its key.
"""
