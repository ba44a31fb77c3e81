-- Title:  Member months as their rules see them: a column a rule, true where the month is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  warehouse.fact_member_month, dim_member, dim_plan, dim_geography, dim_date
-- Values: :cent
-- One row a key, told so: who only counts the rows is spared the joins.
WITH member AS NOT MATERIALIZED (
    SELECT DISTINCT ON (dim.member_key)
        dim.member_key,
        dim.member_durable_key,
        dim.start_date,
        dim.end_date
    FROM warehouse.dim_member AS dim
)

SELECT
    'member_durable_key ' || fact.member_durable_key || ' month ' || fact.month_start_date AS failed_key,
    fact.member_month_count,
    fact.month_fraction_rate,
    fact.gross_premium_amount,
    member.member_key IS NULL AS member_key_unresolved,
    fact.plan_key NOT IN (SELECT dim.plan_key FROM warehouse.dim_plan AS dim) AS plan_key_unresolved,
    fact.geography_key NOT IN (SELECT dim.geography_key FROM warehouse.dim_geography AS dim)
        AS geography_key_unresolved,
    day.date_key IS NULL OR day.month_start_date <> fact.month_start_date OR NOT day.is_month_end
        AS month_end_date_key_wrong,
    fact.member_key NOT IN (-1, -2) AND (
        member.member_durable_key <> fact.member_durable_key
        OR day.calendar_date < member.start_date OR day.calendar_date >= member.end_date
    ) AS member_version_not_in_force,
    fact.days_covered_count < 1 OR fact.days_covered_count > day.days_in_month AS days_covered_impossible,
    abs(fact.gross_premium_amount - fact.aptc_amount - fact.net_premium_amount) > :cent AS premium_does_not_split,
    fact.aptc_amount > fact.gross_premium_amount AS aptc_over_premium,
    fact.member_key = -2 OR fact.plan_key = -2 AS no_version_in_the_month
FROM warehouse.fact_member_month AS fact
LEFT JOIN member
    ON fact.member_key = member.member_key
LEFT JOIN warehouse.dim_date AS day
    ON fact.month_end_date_key = day.date_key
