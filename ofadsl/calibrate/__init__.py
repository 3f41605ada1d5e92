"""Latency: device tables in, an estimator that states its own uncertainty out."""
