"""How often a policy succeeds, how it fails, and which of two is better."""
