"""What runs the bus: the `simpul` command, the local stack, the demo."""
