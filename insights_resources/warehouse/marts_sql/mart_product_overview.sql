-- The latest of everything about each tracked product.
-- grain: product
-- key: marketplace, asin
-- index: best_group_id
-- marketplace varchar(32) not null: Domain of the Amazon marketplace.
-- asin varchar(10) not null: Amazon's product id.
-- label text: Name given in the catalog, else the title at the last capture.
-- title text: Title at the last capture. NULL: never captured.
-- brand text: Brand at the last capture.
-- is_active boolean not null: Whether the product is captured.
-- groups bigint not null: How many active groups it is in, on the UTC day of the refresh.
-- as_of_day date: UTC day of the values. NULL: never captured.
-- last_captured_at timestamp with time zone: Last capture that gave a snapshot (UTC).
-- currency varchar(3): ISO 4217 of the price.
-- price numeric(14, 2): Price at the last capture. NULL: see price_missing_reason.
-- price_missing_reason varchar(20): Why price is NULL.
-- price_change_7d float(53): Change against 7 days before (ratio).
-- primary_rank integer: Best Sellers Rank listed first; lower is better.
-- primary_rank_category text: Its category.
-- rating float(53): Mean rating, 0 to 5 stars.
-- rating_count integer: Number of ratings.
-- availability varchar(16): Availability at the last capture.
-- seller text: Buy-box seller.
-- overall_score float(53): Best overall score over its groups on the last scored day, standard method.
-- best_group_id varchar(64): The group of overall_score.
-- open_alerts integer not null: Rules whose condition holds.
-- alerts_7d integer not null: Alerts of the 7 days up to as_of_day.
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
            AND m.valid_from <= {today}
            AND (m.valid_to IS NULL OR m.valid_to >= {today})
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
