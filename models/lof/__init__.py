"""Local outlier factor over a sliding window."""
