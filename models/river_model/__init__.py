"""Any river model, unaccelerated."""
