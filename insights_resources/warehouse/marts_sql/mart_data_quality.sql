-- What each day's captures gave: pages by verdict, snapshots, and how many of these have a field.
-- grain: day, marketplace
-- key: day, marketplace
-- day date not null: UTC day of the captures.
-- marketplace varchar(32) not null: Domain of the Amazon marketplace.
-- captures bigint not null: Pages captured.
-- products bigint not null: Products that were tried.
-- product_pages bigint not null: Pages that were product pages.
-- blocked bigint not null: Pages that were a robot check.
-- not_found bigint not null: Pages that say that there is no such product.
-- other bigint not null: Pages that were something else.
-- errors bigint not null: Captures that brought no page.
-- snapshots bigint not null: Captures that gave a snapshot.
-- rejected bigint not null: Pages that gave no snapshot, with a stored reason.
-- with_price bigint not null: Snapshots with a price.
-- with_rating bigint not null: Snapshots with a rating.
-- with_rank bigint not null: Snapshots with a Best Sellers Rank.
-- with_seller bigint not null: Snapshots with a buy-box seller.
-- with_brand bigint not null: Snapshots with a brand.
-- with_list_price bigint not null: Snapshots with a list price.
-- with_bullets bigint not null: Snapshots with feature bullets.
-- with_description bigint not null: Snapshots with a description.
-- with_images bigint not null: Snapshots with images.
-- with_known_availability bigint not null: Snapshots whose availability is not unknown.
-- cost numeric not null: Credits spent.
-- mean_latency_ms float(53): Mean answer time of the provider in milliseconds. NULL: not measured.
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
    COALESCE(s.with_rank, 0) AS with_rank,
    COALESCE(s.with_seller, 0) AS with_seller,
    COALESCE(s.with_brand, 0) AS with_brand,
    COALESCE(s.with_list_price, 0) AS with_list_price,
    COALESCE(s.with_bullets, 0) AS with_bullets,
    COALESCE(s.with_description, 0) AS with_description,
    COALESCE(s.with_images, 0) AS with_images,
    COALESCE(s.with_known_availability, 0) AS with_known_availability,
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
        COUNT(rating) AS with_rating,
        COUNT(NULLIF(bsr, '[]')) AS with_rank,
        COUNT(seller) AS with_seller,
        COUNT(brand) AS with_brand,
        COUNT(list_price) AS with_list_price,
        COUNT(NULLIF(bullets, '[]')) AS with_bullets,
        COUNT(description) AS with_description,
        COUNT(NULLIF(images, '[]')) AS with_images,
        COUNT(NULLIF(availability, 'unknown')) AS with_known_availability
    FROM {insights}product_snapshots
    WHERE origin = 'page'
    GROUP BY day, marketplace
) AS s ON s.day = c.day AND s.marketplace = c.marketplace
LEFT JOIN (
    SELECT day, marketplace, COUNT(*) AS rejected
    FROM {insights}rejected_pages
    GROUP BY day, marketplace
) AS j ON j.day = c.day AND j.marketplace = c.marketplace
