"""KSWIN drift detector."""
