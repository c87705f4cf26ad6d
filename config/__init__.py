"""The city's own words, rules and phrases as data that a clerk can edit. Read by the gateway only."""
