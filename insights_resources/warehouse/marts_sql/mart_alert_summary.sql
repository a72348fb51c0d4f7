-- How often each rule fired on each day in each marketplace.
-- grain: day, rule, marketplace
-- key: day, rule_id, marketplace
-- day date not null: UTC day on which the alerts fired.
-- rule_id varchar(64) not null: The rule.
-- rule_name text: Its name for people. NULL: the rule is gone.
-- marketplace varchar(32) not null: Domain of the Amazon marketplace.
-- alerts bigint not null: Number of alerts.
-- products bigint not null: Number of products that they are about.
-- critical bigint not null: How many were critical.
-- warning bigint not null: How many were warnings.
-- info bigint not null: How many were for information.
-- largest_magnitude float(53): The largest move, in the unit of the rule's threshold.
SELECT
    a.day,
    a.rule_id,
    r.name AS rule_name,
    a.marketplace,
    COUNT(*) AS alerts,
    COUNT(DISTINCT a.asin) AS products,
    SUM(CASE WHEN a.severity = 'critical' THEN 1 ELSE 0 END) AS critical,
    SUM(CASE WHEN a.severity = 'warning' THEN 1 ELSE 0 END) AS warning,
    SUM(CASE WHEN a.severity = 'info' THEN 1 ELSE 0 END) AS info,
    MAX(a.magnitude) AS largest_magnitude
FROM {insights}alerts AS a
LEFT JOIN {insights}alert_rules AS r ON r.rule_id = a.rule_id
GROUP BY a.day, a.rule_id, r.name, a.marketplace
