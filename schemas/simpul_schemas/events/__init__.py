"""The event types: for each one a model and its rules; the `.avsc` file of the same name is the contract."""
