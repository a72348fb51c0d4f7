"""Competitive reports: facts of a group and day, sentences that cite them, pages for people."""
