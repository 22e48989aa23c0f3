"""Measurements: how fast (`run.py`) and how reliable (`r1_…`, `r2_…`, `r3_…`) the server is, over HTTP only."""
