"""Robust random cut forest."""
