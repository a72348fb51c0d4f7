-- What each day's captures gave: pages by verdict, snapshots, and how complete these are.
-- grain: day, marketplace
-- day: UTC day of the captures.
-- marketplace: Domain of the Amazon marketplace.
-- captures: Pages captured.
-- products: Products that were tried.
-- product_pages: Pages that were product pages.
-- blocked: Pages that were a robot check.
-- not_found: Pages that say that there is no such product.
-- other: Pages that were something else.
-- errors: Captures that brought no page.
-- snapshots: Captures that gave a snapshot.
-- rejected: Pages that gave no snapshot, with a stored reason.
-- with_price: Snapshots with a price.
-- with_rating: Snapshots with a rating.
-- cost: Credits spent.
-- mean_latency_ms: Mean answer time of the provider in milliseconds.
SELECT
    c.day,
    c.marketplace,
    c.captures,
    c.products,
    c.product_pages,
    c.blocked,
    c.not_found,
    c.other,
    c.errors,
    COALESCE(s.snapshots, 0) AS snapshots,
    COALESCE(j.rejected, 0) AS rejected,
    COALESCE(s.with_price, 0) AS with_price,
    COALESCE(s.with_rating, 0) AS with_rating,
    c.cost,
    c.mean_latency_ms
FROM (
    SELECT
        day,
        marketplace,
        COUNT(*) AS captures,
        COUNT(DISTINCT asin) AS products,
        SUM(CASE WHEN verdict = 'product' THEN 1 ELSE 0 END) AS product_pages,
        SUM(CASE WHEN verdict = 'blocked' THEN 1 ELSE 0 END) AS blocked,
        SUM(CASE WHEN verdict = 'not_found' THEN 1 ELSE 0 END) AS not_found,
        SUM(CASE WHEN verdict = 'other' THEN 1 ELSE 0 END) AS other,
        SUM(CASE WHEN verdict = 'error' THEN 1 ELSE 0 END) AS errors,
        SUM(cost) AS cost,
        AVG(latency_ms) AS mean_latency_ms
    FROM {insights}raw_pages
    GROUP BY day, marketplace
) AS c
LEFT JOIN (
    SELECT
        day,
        marketplace,
        COUNT(*) AS snapshots,
        COUNT(price) AS with_price,
        COUNT(rating) AS with_rating
    FROM {insights}product_snapshots
    WHERE origin = 'page'
    GROUP BY day, marketplace
) AS s ON s.day = c.day AND s.marketplace = c.marketplace
LEFT JOIN (
    SELECT day, marketplace, COUNT(*) AS rejected
    FROM {insights}rejected_pages
    GROUP BY day, marketplace
) AS j ON j.day = c.day AND j.marketplace = c.marketplace
