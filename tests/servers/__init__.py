"""Real servers for the tests: PostgreSQL, SeaweedFS, an SMTP sink, Chromium."""
