"""Standard absolute deviation."""
