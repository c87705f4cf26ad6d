"""The house: all input and output, and all wiring. One module per step of a message's walk."""
