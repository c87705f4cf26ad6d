"""A city: its words, departments, rules and phrases, read from files that a clerk edits and checked to the line."""
