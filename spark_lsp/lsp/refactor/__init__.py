"""Refactorings of Python code without a model: inline a variable, extract a variable or a function."""
