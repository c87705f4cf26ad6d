"""Alembic migrations: one file a version, never changed once released."""
