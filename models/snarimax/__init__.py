"""SNARIMAX: an online seasonal autoregressive forecaster."""
