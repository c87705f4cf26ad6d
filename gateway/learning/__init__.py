"""Learning: the model made from the city's words, examples and confirmed cases, and an honest account of how good it is."""
