"""Labelled sentences and dialogues: what the shipped standard should find, and what it must not."""
