"""The ledger of second opinions: every verdict is kept, and who turned out right where an operator said so."""
