"""One-class support vector machine, trained online."""
