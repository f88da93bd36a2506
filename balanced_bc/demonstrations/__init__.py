"""Demonstrations: what they are, how they are tagged, aligned in time, and kept on disk."""
