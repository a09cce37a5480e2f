"""The database poller: rows of an application's own table become events, without rights to its replication.

`spec` is what the user writes, `source` the port to the table, `sql_source` its adapter for every database that
SQLAlchemy speaks, `poll` what is done with the rows, `commands` the command.
"""
