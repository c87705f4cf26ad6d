"""The parts of the published documents: the event on the queues, the queues, and the HTTP API."""
