"""Completions without a model: text that is copied from the workspace's own documents. Pure."""
