"""The analytic cost of an arch: MACs, parameters and peak memory, from the graph of its space."""
