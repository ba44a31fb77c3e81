-- Title:  What differs between the adjustments the touched members have and should have
-- Fills:  work_adjustment_change, one row per row to take out (sign -1) or to put in (sign 1)
-- Reads:  work_touched_member, work_adjustment, warehouse.fact_member_month_adjustment
-- Values: none
CREATE TEMPORARY TABLE work_adjustment_change ON COMMIT DROP AS
WITH compared AS (
    SELECT
        fact.member_durable_key,
        fact.month_start_date,
        fact.policy_id,
        fact.reported_as_of,
        fact.is_removal,
        fact.plan_durable_key,
        fact.member_month_count,
        fact.days_covered_count,
        fact.gross_premium_amount,
        fact.aptc_amount,
        fact.net_premium_amount,
        -1 AS sign
    FROM warehouse.fact_member_month_adjustment AS fact
    INNER JOIN work_touched_member AS touched
        ON fact.member_durable_key = touched.member_durable_key
    UNION ALL
    SELECT
        wanted.member_durable_key,
        wanted.month_start_date,
        wanted.policy_id,
        wanted.reported_as_of,
        wanted.is_removal,
        wanted.plan_durable_key,
        wanted.member_month_count,
        wanted.days_covered_count,
        wanted.gross_premium_amount,
        wanted.aptc_amount,
        wanted.net_premium_amount,
        1 AS sign
    FROM work_adjustment AS wanted
)

SELECT
    compared.*,
    sum(compared.sign) OVER (
        PARTITION BY
            compared.member_durable_key, compared.month_start_date, compared.policy_id, compared.reported_as_of,
            compared.is_removal, compared.plan_durable_key, compared.days_covered_count, compared.gross_premium_amount,
            compared.aptc_amount, compared.net_premium_amount
    ) AS balance
FROM compared
