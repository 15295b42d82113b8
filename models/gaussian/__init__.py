"""Gaussian scorer."""
