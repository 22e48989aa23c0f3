"""The protocol: OAuth 2.0 and OpenID Connect over the rooms below.

The door: the `routes` of `authorize`, `token`, `introspection`, `revocation`, `userinfo`, `logout` and `discovery`, which
`app.py` composes.
"""
