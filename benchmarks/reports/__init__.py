"""How good and how fast reports are, measured on sandbox groups of which the truth is known."""
