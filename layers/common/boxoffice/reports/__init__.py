"""Reports: what an organisation has earned, and what the platform holds for it.

Both are read from the ledger alone. `figures.py` says which kinds of transfers each figure counts. `service.py` shows
the revenue of some days, and `files.py` writes it as CSV or XLSX. `statements.py` makes the statement of a month, which
`pdf.py` prints with the template `statement.typ`.
"""
