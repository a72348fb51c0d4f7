"""What is true for a user: ``unit`` mirrors the packages, ``integration`` uses real servers."""
