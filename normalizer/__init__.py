"""Room 2: understanding. Pure functions from an Inbound to a Complaint; no clock, no file, no network."""
