"""Attributes that objects have: a child process that runs jedi, and its use."""
