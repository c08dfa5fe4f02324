"""What the documentation quotes, printed by commands anyone can run."""
