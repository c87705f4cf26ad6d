"""Room 3: deciding. Pure functions: who is responsible, and why."""
