"""WITH WHAT: one module for each outside system, and their wiring.

Nothing here imports ``insights_assets`` or ``insights_jobs``, and importing a module does no I/O.
"""
