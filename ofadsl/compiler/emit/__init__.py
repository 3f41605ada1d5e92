"""From a checked space to text: the supernet, its typed arch, the cost model, and their package."""
