"""The world: a tabletop with a Franka Panda, its tasks, and the demonstrators that solve them."""
