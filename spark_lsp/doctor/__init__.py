"""Looks at everything a suggestion depends on, and says of each finding what to do."""
