"""Half-Space Trees."""
