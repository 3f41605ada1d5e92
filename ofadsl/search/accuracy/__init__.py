"""Where a search gets accuracies from: a predictor, a table, a function."""
