"""Page-Hinkley drift detector."""
