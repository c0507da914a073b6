"""What is kept on disk about the user's own decisions."""
