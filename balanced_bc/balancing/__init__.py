"""The paper: losses per behavior, reference losses, and weights. Pure functions of tensors."""
