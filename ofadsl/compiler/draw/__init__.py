"""From a checked space to a picture of it."""
