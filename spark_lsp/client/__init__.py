"""A small language client: what an editor is to the server, for demo, complete, edit and bench."""
