"""Photos, recordings and scans: what their bytes are, and how they are fetched from a provider."""
