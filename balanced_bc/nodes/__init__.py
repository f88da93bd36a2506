"""ROS 2 nodes: wiring between topics and the other rooms, and nothing else. rclpy lives here only."""
