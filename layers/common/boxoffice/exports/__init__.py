"""Exports: what an organisation has, as pages and as files of CSV or XLSX.

A request owes an export, and a worker writes it into a bucket (`writing.py`). `sources.py` says what each kind of
export has, and `files.py` how a file is written. `attendees.py` lists the attendees of an event.
"""
