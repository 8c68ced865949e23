"""The helpers of the tests, by what a test needs:

- `support`: a PostgreSQL server, and a client that calls the functions as API Gateway does
- `conformance`: compares each of their answers with the OpenAPI document
- `wsgi`: the functions behind WSGI, for tools that speak HTTP
- `operations`: one valid call of every operation, on real rows
- `reach`: what the code of a function reaches, such as libraries and settings
- `factories`: rows, such as organisations, events, ticket types, orders, tickets and places
- `people`: people who sign up and log in as clients do
- `phones`: people who log in with phones
- `buyers`: purchases, as actions that a test may kill
- `payers`: people who pay, and the provider that sends events about it
- `authenticators`: an app that makes the codes of a second factor
- `google`: Google as a process (`google_server`), and people who log in there
- `sellers`: managers who refund, and paid orders
- `owners`: owners who invite, remove and hand over, and admins who decide
- `doors`: attendants who scan
- `offline_scanner`: a device that scans without a network
- `mailbox`: the outbox, and the emails and text messages that were sent
- `printed`: printed tickets, as a camera and a reader of PDFs see them
- `provider_servers`: payment providers as processes (`stripe_server`, `flutterwave_server`, `sandbox_server`)
- `new_provider`: a payment provider as somebody would add one
- `rings`: key rings that a test may rotate
- `racing`: callers at once, and processes that are killed at a round trip
- `locks`: refuses statements that lock rows outside a transaction
- `log_watch`: finds data of people in the logs
- `relays`: a network between the functions and the database, which may drop packets
- `snapshots`: digests of the database, to tell whether anything has changed
- `invariants`: the check for the end of every test that moves stock, money or tickets
"""
