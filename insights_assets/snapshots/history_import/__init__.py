"""Histories from files (CSV, Parquet) as snapshots: ``import_history``."""
