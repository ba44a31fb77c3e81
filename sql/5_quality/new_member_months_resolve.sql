-- Title:  Member months that this load added whose keys have no dimension row, or not the one of the month's end
-- Fills:  nothing: gives the keys that fail
-- Reads:  work_member_month_delta, warehouse.fact_member_month, dim_member, dim_plan, dim_geography, dim_date
-- Values: none
SELECT DISTINCT 'member_durable_key ' || fact.member_durable_key || ' month ' || fact.month_start_date AS failed_key
FROM work_member_month_delta AS delta
CROSS JOIN
    LATERAL (
        SELECT near.*
        FROM warehouse.fact_member_month AS near
        WHERE
            near.member_durable_key = delta.member_durable_key
            AND near.month_start_date = delta.month_start_date
            AND near.policy_id = delta.policy_id
        OFFSET 0 -- noqa: AM09
    ) AS fact
LEFT JOIN warehouse.dim_member AS member
    ON fact.member_key = member.member_key
LEFT JOIN warehouse.dim_plan AS plan
    ON fact.plan_key = plan.plan_key
LEFT JOIN warehouse.dim_geography AS geography
    ON fact.geography_key = geography.geography_key
LEFT JOIN warehouse.dim_date AS day
    ON fact.month_end_date_key = day.date_key
WHERE
    delta.sign = 1
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
