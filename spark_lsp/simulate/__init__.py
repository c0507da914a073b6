"""Predictions by arithmetic: a simulated wafer, GPUs, traces of users, an editing session.

Pure: no clock, no randomness, no I/O. `now` and `seed` are arguments; tables are passed in as text.
"""
