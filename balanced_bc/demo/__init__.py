"""The demo: the whole day on one machine, with every node a process of its own and ROS topics between them."""
