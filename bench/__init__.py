"""How fast, always as a ratio within one run."""
