"""Running quantiles: the P² estimator and the exact one over a window."""
