-- Title:  Claim lines of these loads whose keys have no dimension row, or not the one in force on the day of service
-- Fills:  nothing: gives the keys that fail
-- Reads:  work_gate_line, warehouse.fact_claim_line, dim_member, dim_plan, dim_provider, dim_geography, dim_date
-- Values: :loads
WITH days AS MATERIALIZED (
    SELECT DISTINCT line.service_date
    FROM work_gate_line AS line
    WHERE line.unresolved_count > 0
)

SELECT
    fact.claim_id || ' version ' || fact.claim_version_number || ' line ' || fact.claim_line_number || ': '
    || role.name || ' ' || role.surrogate_key || CASE WHEN role.is_there THEN ' not in force' ELSE ' not there' END
        AS failed_key
FROM warehouse.fact_claim_line AS fact
LEFT JOIN warehouse.dim_member AS member
    ON fact.member_key = member.member_key
LEFT JOIN warehouse.dim_plan AS plan
    ON fact.plan_key = plan.plan_key
LEFT JOIN warehouse.dim_provider AS rendering
    ON fact.rendering_provider_key = rendering.provider_key
LEFT JOIN warehouse.dim_provider AS billing
    ON fact.billing_provider_key = billing.provider_key
LEFT JOIN warehouse.dim_geography AS geography
    ON fact.geography_key = geography.geography_key
LEFT JOIN warehouse.dim_date AS day
    ON fact.service_date_key = day.date_key
CROSS JOIN
    LATERAL (
        VALUES
        (
            'member_key', fact.member_key, member.member_key IS NOT NULL,
            fact.member_key IN (-1, -2) OR (
                member.member_durable_key = fact.member_durable_key
                AND fact.service_date >= member.start_date AND fact.service_date < member.end_date
            )
        ),
        (
            'plan_key', fact.plan_key, plan.plan_key IS NOT NULL,
            fact.plan_key IN (-1, -2) OR (
                plan.plan_durable_key = fact.plan_durable_key
                AND fact.service_date >= plan.start_date AND fact.service_date < plan.end_date
            )
        ),
        (
            'rendering_provider_key', fact.rendering_provider_key, rendering.provider_key IS NOT NULL,
            fact.rendering_provider_key IN (-1, -2) OR (
                rendering.provider_durable_key = fact.rendering_provider_durable_key
                AND fact.service_date >= rendering.start_date AND fact.service_date < rendering.end_date
            )
        ),
        (
            'billing_provider_key', fact.billing_provider_key, billing.provider_key IS NOT NULL,
            fact.billing_provider_key IN (-1, -2) OR (
                billing.provider_durable_key = fact.billing_provider_durable_key
                AND fact.service_date >= billing.start_date AND fact.service_date < billing.end_date
            )
        ),
        ('geography_key', fact.geography_key, geography.geography_key IS NOT NULL, TRUE),
        ('service_date_key', fact.service_date_key, day.date_key IS NOT NULL, day.calendar_date = fact.service_date)
    ) AS role (name, surrogate_key, is_there, is_in_force)
WHERE
    (SELECT count(*) FROM days) > 0
    AND fact.service_date = ANY(array(SELECT days.service_date FROM days))
    AND fact.load_id = ANY(:loads)
    AND NOT (role.is_there AND role.is_in_force)
