"""What the tests stand on, by what a test needs:

support             a PostgreSQL server, and a client that calls the functions as API Gateway does
conformance         each of their answers is compared with the OpenAPI document
wsgi                the same functions behind WSGI, for tools that speak HTTP
operations          one valid call of every operation, on real rows
factories           rows: organisations, events, ticket types, orders, tickets, places
people              people who sign up and log in as clients do
payers              people who pay, and the provider that tells of it
sellers             sellers who refund, and orders that somebody has paid for
doors               attendants who scan; offline_scanner is a device that scans without a network
mailbox             the emails that were sent, as their readers' programs see them
printed             printed tickets, as a camera and a reader of PDFs see them
provider_servers    payment providers as processes: stripe_server, flutterwave_server
rings               key rings of a test's own
racing              callers at once, and processes that die at a statement
snapshots           what the database holds, to tell whether anything has changed
invariants          the invariants, for the end of every test that moves stock, money or tickets
"""
