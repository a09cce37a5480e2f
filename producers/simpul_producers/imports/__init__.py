"""Import of tables: read, map, judge, take into the outbox; what is refused goes to a report, the rest goes on.

`mapping` is what a mapping file says, `tables` reads a file, `convert` turns one row into a record, `refusals` says
what was wrong with a row, `run` does the import.
"""
