"""`simpul demo`: the whole way on real polling stations, from files to a ministry's tables, ending with the tie-out."""
