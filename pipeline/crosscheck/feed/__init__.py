"""The way into a provider's own store: series of the source topics, written where its detectors read them."""
