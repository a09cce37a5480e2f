"""What enters the bus: publisher SDK, durable outbox, importer."""
