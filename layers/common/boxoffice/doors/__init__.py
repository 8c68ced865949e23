"""Door passes and the devices that are paired with them, so that people at the door need no account.

A manager makes a pass for some events, until a time. A code of the pass, which works once, pairs one device. The device
gets a token of its own, which may scan and little else.
"""
