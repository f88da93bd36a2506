"""From a dataset and weights to a policy: feeding, descending, watching and resuming."""
