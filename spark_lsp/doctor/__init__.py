"""Checks everything that a suggestion depends on, and gives a remedy with each finding."""
