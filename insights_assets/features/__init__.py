"""What a product's history says at the end of each day: prices, ranks, ratings, listing."""
