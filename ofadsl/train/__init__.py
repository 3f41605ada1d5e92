"""Training: a space, a schedule and images in, one set of weights for all subnets out."""
