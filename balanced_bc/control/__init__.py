"""What keeps an arm safe: limits, a latching guard, gripper events. Numbers only."""
