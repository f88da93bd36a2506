"""What keeps an arm safe: limits, a watchdog, a latching guard, gripper events. Numbers only."""
