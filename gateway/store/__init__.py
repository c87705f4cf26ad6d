"""Tables, journal, complaints, events and outbox, leases, migrations: SQL lives here only."""
