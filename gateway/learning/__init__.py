"""Learning: a model made from the city's words, examples and confirmed cases, and an honest account of it."""
