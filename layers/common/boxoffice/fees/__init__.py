"""The platform's fee: under which terms the platform keeps a part of what organisations sell.

The default terms are the setting `platform_fees`. An admin gives an organisation terms of its own. `pricing` computes
the fee of an item when its order is placed, from what `orders` reads with the sale terms.
"""
