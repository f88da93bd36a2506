"""Films and pictures for people: what a demonstrator or a policy does, and where episodes start."""
