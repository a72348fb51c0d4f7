"""Tracked products and competitive groups: the catalog file, and what a page provider knows."""
