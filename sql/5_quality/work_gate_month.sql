-- Title:  The member months of all months, added up, and how many of their keys do not resolve
-- Fills:  nothing that stays: work_gate_month, one row per month
-- Reads:  warehouse.fact_member_month, dim_member, dim_plan, dim_geography, dim_date
-- Values: none
CREATE TEMPORARY TABLE work_gate_month ON COMMIT DROP AS
SELECT
    fact.month_start_date,
    sum(fact.member_month_count) AS member_month_count,
    sum(fact.is_primary::integer) AS member_count,
    sum(fact.days_covered_count) AS covered_day_count,
    sum(fact.gross_premium_amount) AS gross_premium_amount,
    sum(fact.aptc_amount) AS aptc_amount,
    sum(fact.net_premium_amount) AS net_premium_amount,
    sum((NOT fact.is_primary)::integer) AS secondary_count,
    sum((fact.gross_premium_amount <> fact.aptc_amount + fact.net_premium_amount)::integer) AS unsplit_count,
    sum(
        (
            geography.geography_key IS NULL
            OR day.month_start_date IS DISTINCT FROM fact.month_start_date
            OR member.member_key IS NULL
            OR plan.plan_key IS NULL
            OR fact.member_key NOT IN (-1, -2) AND (
                member.member_durable_key <> fact.member_durable_key
                OR day.calendar_date < member.start_date OR day.calendar_date >= member.end_date
            )
            OR fact.plan_key NOT IN (-1, -2) AND (
                plan.plan_durable_key <> fact.plan_durable_key
                OR day.calendar_date < plan.start_date OR day.calendar_date >= plan.end_date
            )
        )::integer
    ) AS unresolved_count
FROM warehouse.fact_member_month AS fact
LEFT JOIN warehouse.dim_member AS member
    ON fact.member_key = member.member_key
LEFT JOIN warehouse.dim_plan AS plan
    ON fact.plan_key = plan.plan_key
LEFT JOIN warehouse.dim_geography AS geography
    ON fact.geography_key = geography.geography_key
LEFT JOIN warehouse.dim_date AS day
    ON fact.month_end_date_key = day.date_key
GROUP BY fact.month_start_date
