-- Title:  Members with coverage in a month who are counted as no head
-- Fills:  nothing: gives the keys that fail
-- Reads:  work_gate_month, warehouse.fact_member_month
-- Values: none
WITH months AS MATERIALIZED (
    SELECT month.month_start_date
    FROM work_gate_month AS month
    WHERE month.secondary_count > 0
)

SELECT DISTINCT 'member_durable_key ' || secondary.member_durable_key || ' ' || secondary.month_start_date AS failed_key
FROM warehouse.fact_member_month AS secondary
LEFT JOIN warehouse.fact_member_month AS first_policy
    ON
        secondary.member_durable_key = first_policy.member_durable_key
        AND secondary.month_start_date = first_policy.month_start_date
        AND first_policy.is_primary
WHERE
    (SELECT count(*) FROM months) > 0
    AND secondary.month_start_date = ANY(array(SELECT months.month_start_date FROM months))
    AND NOT secondary.is_primary
    AND first_policy.member_durable_key IS NULL
