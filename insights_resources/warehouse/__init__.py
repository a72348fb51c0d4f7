"""The warehouse: PostgreSQL, or SQLite as the embedded development engine, from one definition."""
