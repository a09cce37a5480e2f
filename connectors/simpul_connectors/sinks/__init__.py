"""Ways out into databases that ministries already have: one YAML file a sink.

`source` says what can be read, `spec` reads the file, `table` and `shape` turn events and figures into rows, `target`
is the port of a database with one file a dialect, and `run` puts batches through.
"""
