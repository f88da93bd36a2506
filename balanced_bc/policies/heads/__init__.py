"""Distributions over chunks of twists, one a file: what a policy says after it has looked."""
