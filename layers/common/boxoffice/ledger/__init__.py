"""The ledger: what moved where, in double entry. `kinds.py` declares each kind of transfer.

A transfer is one row and two entries: a ledger entry is one side of it. So the books cannot be out of balance.

Other domains post by `service.py`, in the transaction of the event that moves the money.
"""
