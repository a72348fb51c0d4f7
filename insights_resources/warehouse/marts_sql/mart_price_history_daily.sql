-- The daily price of each product, with what it was compared with: the start of every price chart.
-- grain: product, day
-- key: marketplace, asin, day
-- index: day
-- marketplace varchar(32) not null: Domain of the Amazon marketplace.
-- asin varchar(10) not null: Amazon's product id.
-- label text: Name given in the catalog, else the title at the last capture.
-- day date not null: UTC day; the values are those known at its end.
-- currency varchar(3): ISO 4217 of the amounts.
-- price numeric(14, 2): Price at the day's last capture; a gap carries the last one on for at most 7 days.
-- price_missing_reason varchar(20): Why price is NULL.
-- is_carried integer not null: 1 when there was no capture on the day and the values are carried on, else 0.
-- list_price numeric(14, 2): List price of the last capture.
-- discount_from_list float(53): 1 - price / list_price (ratio).
-- price_change_1d float(53): Change against the day before (ratio).
-- price_change_7d float(53): Change against 7 days before (ratio).
-- price_change_30d float(53): Change against 30 days before (ratio).
-- price_mean_7d float(53): Time-weighted mean of the last 7 days.
-- price_min_30d numeric(14, 2): Lowest price of the last 30 days.
-- price_max_30d numeric(14, 2): Highest price of the last 30 days.
-- primary_rank integer: Best Sellers Rank listed first; lower is better.
-- availability varchar(16) not null: Availability at the last capture.
SELECT
    f.marketplace,
    f.asin,
    COALESCE(s.label, s.title) AS label,
    f.day,
    f.currency,
    f.price,
    f.price_missing_reason,
    CASE WHEN f.observations = 0 THEN 1 ELSE 0 END AS is_carried,
    f.list_price,
    f.discount_from_list,
    f.price_change_1d,
    f.price_change_7d,
    f.price_change_30d,
    f.price_mean_7d,
    f.price_min_30d,
    f.price_max_30d,
    f.primary_rank,
    f.availability
FROM {insights}product_features AS f
LEFT JOIN {insights}product_summaries AS s
    ON s.marketplace = f.marketplace AND s.asin = f.asin
