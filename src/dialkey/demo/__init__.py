"""Demo: sample data, and the relying party that a newcomer tries first. Never served by a public issuer.

The door: `seed` (seed.py) before the server starts, `DemoRoutes` (routes.py) in it.
"""
