-- Title:  Member months whose keys have no dimension row, or not the one of the month's end
-- Fills:  nothing: gives the keys that fail
-- Reads:  work_gate_month, warehouse.fact_member_month, dim_member, dim_plan, dim_geography, dim_date
-- Values: none
WITH months AS MATERIALIZED (
    SELECT month.month_start_date
    FROM work_gate_month AS month
    WHERE month.unresolved_count > 0
)

SELECT 'member_durable_key ' || fact.member_durable_key || ' month ' || fact.month_start_date AS failed_key
FROM warehouse.fact_member_month AS fact
LEFT JOIN warehouse.dim_member AS member
    ON fact.member_key = member.member_key
LEFT JOIN warehouse.dim_plan AS plan
    ON fact.plan_key = plan.plan_key
LEFT JOIN warehouse.dim_geography AS geography
    ON fact.geography_key = geography.geography_key
LEFT JOIN warehouse.dim_date AS day
    ON fact.month_end_date_key = day.date_key
WHERE
    (SELECT count(*) FROM months) > 0
    AND fact.month_start_date = ANY(array(SELECT months.month_start_date FROM months))
    AND (
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
    )
