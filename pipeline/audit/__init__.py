"""Audits: what the workers say they did, recomputed from the topics alone."""
