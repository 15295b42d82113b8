"""Filters: what a detector may not learn."""
