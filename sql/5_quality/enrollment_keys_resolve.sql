-- Title:  Enrollment transactions of these loads whose keys have no dimension row, or not the one of their first day
-- Fills:  nothing: gives the keys that fail
-- Reads:  warehouse.fact_enrollment, dim_member, dim_plan, dim_geography, dim_date
-- Values: :loads
SELECT fact.transaction_id AS failed_key
FROM warehouse.fact_enrollment AS fact
LEFT JOIN warehouse.dim_member AS member
    ON fact.member_key = member.member_key
LEFT JOIN warehouse.dim_plan AS plan
    ON fact.plan_key = plan.plan_key
LEFT JOIN warehouse.dim_geography AS geography
    ON fact.geography_key = geography.geography_key
LEFT JOIN warehouse.dim_date AS day
    ON fact.coverage_start_date_key = day.date_key
WHERE
    fact.load_id = ANY(:loads)
    AND (
        member.member_key IS NULL
        OR plan.plan_key IS NULL
        OR geography.geography_key IS NULL
        OR day.calendar_date IS DISTINCT FROM fact.coverage_start_date
        OR fact.member_key NOT IN (-1, -2) AND (
            member.member_durable_key <> fact.member_durable_key
            OR fact.coverage_start_date < member.start_date OR fact.coverage_start_date >= member.end_date
        )
        OR fact.plan_key NOT IN (-1, -2) AND (
            plan.plan_durable_key <> fact.plan_durable_key
            OR fact.coverage_start_date < plan.start_date OR fact.coverage_start_date >= plan.end_date
        )
    )
