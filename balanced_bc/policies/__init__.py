"""Policies: what an arm does, given what it sees. Encoders, likelihood, action chunks, checkpoints."""
