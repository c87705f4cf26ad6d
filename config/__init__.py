"""The city's own words: departments, categories, rules and phrases as data that a clerk can edit. Read by gateway only."""
