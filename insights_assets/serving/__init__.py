"""What consumers read first: one row a product, and the views that BI tools start from."""
