"""Import of tables: read, map, judge, take into the outbox; what is refused goes to a report, the rest goes on.

`mapping` is what a mapping file says, `tables` reads a file, `convert` turns one row into a record, `refusals` says
what was wrong with a row, `run` does the import.

Excel: `workbook` reads a workbook by a process of its own (`workbook_process`, behind `workbook_guard`); `forms` makes
the columns of a template from the contract, `template` writes it, `filled` imports it (`documents`, `cells`,
`suspects`), `marked` answers it.
"""
