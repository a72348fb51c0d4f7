-- The members of each group by their standard scores, with the robust overall score beside them.
-- grain: day, group, product
-- key: group_id, day, marketplace, asin
-- index: marketplace, asin, day
-- day date not null: UTC day; scores at its end.
-- group_id varchar(64) not null: The group.
-- group_name text not null: Its name for people.
-- marketplace varchar(32) not null: Domain of the Amazon marketplace.
-- asin varchar(10) not null: Amazon's product id.
-- label text: Name given in the catalog, else the title at the last capture.
-- position integer: Place among the group's products with the same coverage, from 1; ties share it.
-- position_of integer: How many products that place is among.
-- overall_score float(53): 0 to 100, standard method. NULL: fewer than two dimensions.
-- price_score float(53): 0 to 100, higher is cheaper than the peers.
-- quality_score float(53): 0 to 100 from ratings.
-- popularity_score float(53): 0 to 100 from ranks against the peers.
-- coverage varchar(32) not null: The dimensions that counted.
-- robust_overall_score float(53): Overall score of the robust method.
-- position_before integer: Place on the last scored day before. NULL: none.
-- is_latest_day integer not null: 1 on the group's last scored day, else 0.
SELECT
    s.day,
    s.group_id,
    g.name AS group_name,
    s.marketplace,
    s.asin,
    COALESCE(p.label, p.title) AS label,
    s.position,
    s.position_of,
    s.overall_score,
    s.price_score,
    s.quality_score,
    s.popularity_score,
    s.coverage,
    r.overall_score AS robust_overall_score,
    LAG(s.position) OVER (
        PARTITION BY s.group_id, s.marketplace, s.asin ORDER BY s.day
    ) AS position_before,
    CASE
        WHEN s.day = MAX(s.day) OVER (PARTITION BY s.group_id) THEN 1 ELSE 0
    END AS is_latest_day
FROM {insights}competitive_scores AS s
INNER JOIN {insights}competitive_groups AS g ON g.group_id = s.group_id
LEFT JOIN {insights}competitive_scores AS r
    ON r.day = s.day
    AND r.group_id = s.group_id
    AND r.marketplace = s.marketplace
    AND r.asin = s.asin
    AND r.method = 'robust'
LEFT JOIN {insights}product_summaries AS p
    ON p.marketplace = s.marketplace AND p.asin = s.asin
WHERE s.method = 'standard'
