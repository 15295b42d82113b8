"""Linear regression by stochastic gradient descent."""
