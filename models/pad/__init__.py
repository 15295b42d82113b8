"""Predictive anomaly detection: a forecaster, and its error against a threshold that follows it."""
