"""Analytics: how often events are looked at, and what sells, day by day.

A view adds to a row of its day. Sales and refunds are facts that never change (`sales_facts`). A job adds each of them
once to the daily sales (`counting.py`), so that an answer costs the same however many orders there are.
"""
