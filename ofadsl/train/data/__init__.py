"""Images: what training and evaluation read."""
