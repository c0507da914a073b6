"""The gateway's page: its state and a playground, for a browser on the same machine."""
