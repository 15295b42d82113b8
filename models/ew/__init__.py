"""Exponentially weighted mean and variance."""
