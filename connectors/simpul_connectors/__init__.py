"""What leaves the bus: sinks into the databases that ministries already have."""
