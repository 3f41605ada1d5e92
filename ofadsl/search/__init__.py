"""Search: a space, costs, constraints and an accuracy to a Pareto front."""
