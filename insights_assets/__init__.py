"""WHAT is known: the asset graph, one package a layer, in the order in which data flows.

In each layer ``assets.py`` is thin (Dagster, I/O, metadata) and ``checks.py`` holds the asset
checks; every other module imports no Dagster.
"""
