"""ADWIN drift detector."""
