"""The developer portal: HTML for the people who build on the service. No rules, no SQL.

The door: `PortalRoutes` (routes.py).
"""
