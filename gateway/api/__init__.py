"""The door for programs: complaints over HTTP in JSON, and the documents that describe what is served and published."""
