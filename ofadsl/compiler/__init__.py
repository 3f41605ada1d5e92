"""From the text of a space to a checked space, its graph and its generated files."""
