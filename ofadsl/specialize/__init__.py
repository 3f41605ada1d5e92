"""From a supernet, its weights and an arch to a static subnet of plain torch."""
