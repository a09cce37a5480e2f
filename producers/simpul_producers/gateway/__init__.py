"""The HTTP gateway: events by plain JSON or CloudEvents, for applications that know neither Kafka nor Avro.

`heads` and `guard` stand between the network and uvicorn; `app` holds the routes; `bodies`, `submissions` and
`intake` turn bytes into one result per event, by the contract's own verdict and into the same outbox as the SDK.
"""
