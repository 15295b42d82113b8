"""What the worker tells about itself: log lines and metrics."""
