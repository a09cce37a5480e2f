"""The local stack: real Kafka, a real schema registry and PostgreSQL as local processes, by pip alone."""
