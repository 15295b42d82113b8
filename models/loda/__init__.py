"""LODA: histograms of random projections."""
