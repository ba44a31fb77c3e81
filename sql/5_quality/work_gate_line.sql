-- Title:  The claim facts of these loads, added up, and how many of their keys do not resolve
-- Fills:  nothing that stays: work_gate_line, one row per load, service day, sign and in force or not
-- Reads:  warehouse.fact_claim_line, dim_member, dim_plan, dim_provider, dim_geography, dim_date
-- Values: :loads
CREATE TEMPORARY TABLE work_gate_line ON COMMIT DROP AS
SELECT
    fact.load_id,
    fact.service_date,
    fact.is_reversal,
    fact.is_final_action,
    count(*) AS row_count,
    sum(hashtextextended(fact.claim_id, fact.claim_version_number * 100000 + fact.claim_line_number)) AS line_hash,
    sum(fact.line_count) AS line_count,
    sum(fact.claim_count) AS claim_count,
    sum(fact.denied_line_count) AS denied_line_count,
    sum(fact.billed_amount) AS billed_amount,
    sum(fact.allowed_amount) AS allowed_amount,
    sum(fact.paid_amount) AS paid_amount,
    sum(fact.deductible_amount) AS deductible_amount,
    sum(fact.copay_amount) AS copay_amount,
    sum(fact.coinsurance_amount) AS coinsurance_amount,
    sum(fact.cob_amount) AS cob_amount,
    sum(
        (
            geography.geography_key IS NULL
            OR day.calendar_date IS DISTINCT FROM fact.service_date
            OR member.member_key IS NULL
            OR plan.plan_key IS NULL
            OR rendering.provider_key IS NULL
            OR billing.provider_key IS NULL
            OR fact.member_key NOT IN (-1, -2) AND (
                member.member_durable_key <> fact.member_durable_key
                OR fact.service_date < member.start_date OR fact.service_date >= member.end_date
            )
            OR fact.plan_key NOT IN (-1, -2) AND (
                plan.plan_durable_key <> fact.plan_durable_key
                OR fact.service_date < plan.start_date OR fact.service_date >= plan.end_date
            )
            OR fact.rendering_provider_key NOT IN (-1, -2) AND (
                rendering.provider_durable_key <> fact.rendering_provider_durable_key
                OR fact.service_date < rendering.start_date OR fact.service_date >= rendering.end_date
            )
            OR fact.billing_provider_key NOT IN (-1, -2) AND (
                billing.provider_durable_key <> fact.billing_provider_durable_key
                OR fact.service_date < billing.start_date OR fact.service_date >= billing.end_date
            )
        )::integer
    ) AS unresolved_count
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
WHERE fact.load_id = ANY(:loads)
GROUP BY fact.load_id, fact.service_date, fact.is_reversal, fact.is_final_action
