"""How a product stands against the peers of its competitive groups."""
