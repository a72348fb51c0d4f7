"""What a sentence claims, and whether the facts bear it: one module for each kind of claim."""
