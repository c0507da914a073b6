"""The parts of `ghost`: each decides one aspect of the text that a completion inserts."""
