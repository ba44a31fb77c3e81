-- Title:  Members and months that this load touched with coverage and not exactly one head
-- Fills:  nothing: gives the keys that fail
-- Reads:  work_member_month_delta, warehouse.fact_member_month
-- Values: none
WITH touched AS MATERIALIZED (
    SELECT DISTINCT
        delta.member_durable_key,
        delta.month_start_date
    FROM work_member_month_delta AS delta
)

SELECT 'member_durable_key ' || touched.member_durable_key || ' month ' || touched.month_start_date AS failed_key
FROM touched
CROSS JOIN
    LATERAL (
        SELECT
            count(*) AS row_count,
            sum(fact.is_primary::integer) AS head_count
        FROM warehouse.fact_member_month AS fact
        WHERE
            fact.member_durable_key = touched.member_durable_key
            AND fact.month_start_date = touched.month_start_date
    ) AS counted
WHERE counted.row_count > 0 AND counted.head_count <> 1
