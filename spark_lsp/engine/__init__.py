"""Everything that can answer a request: one Protocol, composed."""
