-- The latest of everything about each tracked product.
-- grain: product
-- marketplace: Domain of the Amazon marketplace.
-- asin: Amazon's product id.
-- label: Name given in the catalog, else the title at the last capture.
-- title: Title at the last capture. NULL: never captured.
-- brand: Brand at the last capture.
-- is_active: Whether the product is captured.
-- groups: How many active groups it is in now.
-- as_of_day: UTC day of the values. NULL: never captured.
-- last_captured_at: Last capture that gave a snapshot (UTC).
-- currency: ISO 4217 of the price.
-- price: Price at the last capture. NULL: see price_missing_reason.
-- price_missing_reason: Why price is NULL.
-- price_change_7d: Change against 7 days before (ratio).
-- primary_rank: Best Sellers Rank listed first; lower is better.
-- primary_rank_category: Its category.
-- rating: Mean rating, 0 to 5 stars.
-- rating_count: Number of ratings.
-- availability: Availability at the last capture.
-- seller: Buy-box seller.
-- overall_score: Best overall score over its groups on the last scored day, standard method.
-- best_group_id: The group of overall_score.
-- open_alerts: Rules whose condition holds now.
-- alerts_7d: Alerts of the 7 days up to as_of_day.
SELECT
    p.marketplace,
    p.asin,
    COALESCE(p.label, s.title) AS label,
    s.title,
    s.brand,
    p.is_active,
    (
        SELECT COUNT(DISTINCT m.group_id)
        FROM {insights}group_members AS m
        INNER JOIN {insights}competitive_groups AS g ON g.group_id = m.group_id
        WHERE m.marketplace = p.marketplace
            AND m.asin = p.asin
            AND m.valid_from <= CURRENT_DATE
            AND (m.valid_to IS NULL OR m.valid_to >= CURRENT_DATE)
            AND g.is_active
    ) AS groups,
    s.as_of_day,
    s.last_captured_at,
    s.currency,
    s.price,
    s.price_missing_reason,
    s.price_change_7d,
    s.primary_rank,
    s.primary_rank_category,
    s.rating,
    s.rating_count,
    s.availability,
    s.seller,
    s.overall_score,
    s.best_group_id,
    COALESCE(s.open_alerts, 0) AS open_alerts,
    COALESCE(s.alerts_7d, 0) AS alerts_7d
FROM {insights}products AS p
LEFT JOIN {insights}product_summaries AS s
    ON s.marketplace = p.marketplace AND s.asin = p.asin
