"""From a dataset to weights, and what they mean."""
