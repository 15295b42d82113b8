"""Holt-Winters exponential smoothing."""
