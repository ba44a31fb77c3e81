-- Title:  What differs between the months the touched members have and should have
-- Fills:  work_member_month_change, one row per month to take out (sign -1) or to put in (sign 1)
-- Reads:  work_touched_member, work_member_month, warehouse.fact_member_month
-- Values: none
CREATE TEMPORARY TABLE work_member_month_change ON COMMIT DROP AS
WITH present AS (
    SELECT
        fact.member_durable_key,
        fact.policy_id,
        fact.month_start_date,
        fact.is_primary,
        fact.member_key,
        fact.plan_durable_key,
        fact.plan_key,
        fact.geography_key,
        fact.month_end_date_key,
        fact.member_month_count,
        fact.days_covered_count,
        fact.month_fraction_rate,
        fact.gross_premium_amount,
        fact.aptc_amount,
        fact.net_premium_amount,
        fact.load_id,
        fact.load_timestamp,
        fact.is_covered_mid_month,
        fact.age_band_code
    FROM warehouse.fact_member_month AS fact
    INNER JOIN work_touched_member AS touched
        ON fact.member_durable_key = touched.member_durable_key
),

-- The load that brought a month is no part of its content.
compared AS (
    SELECT
        present.*,
        -1 AS sign
    FROM present
    UNION ALL
    SELECT
        wanted.member_durable_key,
        wanted.policy_id,
        wanted.month_start_date,
        wanted.is_primary,
        wanted.member_key,
        wanted.plan_durable_key,
        wanted.plan_key,
        wanted.geography_key,
        wanted.month_end_date_key,
        wanted.member_month_count,
        wanted.days_covered_count,
        wanted.month_fraction_rate,
        wanted.gross_premium_amount,
        wanted.aptc_amount,
        wanted.net_premium_amount,
        wanted.load_id,
        wanted.load_timestamp,
        wanted.is_covered_mid_month,
        wanted.age_band_code,
        1 AS sign
    FROM work_member_month AS wanted
)

SELECT
    compared.*,
    sum(compared.sign) OVER same_content AS balance
FROM compared
WINDOW same_content AS (
    PARTITION BY
        compared.member_durable_key, compared.policy_id, compared.month_start_date, compared.is_primary,
        compared.member_key, compared.plan_durable_key, compared.plan_key, compared.geography_key,
        compared.days_covered_count, compared.gross_premium_amount, compared.aptc_amount, compared.net_premium_amount,
        compared.is_covered_mid_month, compared.age_band_code
)
