"""Engines with accounts: each answer is counted, and refused if the day's budget does not hold it."""
