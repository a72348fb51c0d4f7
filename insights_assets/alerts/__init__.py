"""Rules over features, and the alerts of the days on which one fires for a product."""
