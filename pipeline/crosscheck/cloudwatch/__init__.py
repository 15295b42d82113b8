"""Amazon CloudWatch anomaly detection as a provider: names, bands, the way in."""
