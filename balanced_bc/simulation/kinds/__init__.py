"""Kinds of demonstrators: one optimal, and others that are bad, or look bad, each in its own way."""
