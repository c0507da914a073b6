"""Builds the prompts for models, and turns their answers into ghost text and edits. Pure."""
