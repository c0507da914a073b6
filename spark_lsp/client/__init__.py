"""A small language client that acts as the editor, for demo, complete, edit and bench."""
