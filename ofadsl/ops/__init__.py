"""Primitive ops: one class each declares its shapes, parameters, cuts, cost and forward code."""
