"""Questions: the form of an event, which is what it asks its buyers. Orders and tickets store what they answer.

A file of its own: `answers` has the answers as requests and views have them, for whoever needs no form.
"""
