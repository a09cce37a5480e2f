"""Sinks as operators know connectors: the REST paths of Kafka Connect, signs of life, and how far behind they are."""
