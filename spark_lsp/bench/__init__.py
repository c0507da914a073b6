"""The benchmark: our figures and a named baseline, measured in turns, in the same run."""
