"""Use cases: batches from datasets, training, balancing a dataset, rollouts and evaluation."""
