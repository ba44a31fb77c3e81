-- Title:  Claims by service day, plan version, rendering provider version, network and claim type
-- Fills:  mart.claims_daily_plan_provider: what is added to it
-- Reads:  work_claim_cents
-- Values: :months
SELECT
    delta.service_date,
    delta.plan_key,
    delta.rendering_provider_key AS provider_key,
    delta.network_code,
    delta.claim_type,
    delta.plan_durable_key,
    delta.rendering_provider_durable_key AS provider_durable_key,
    sum(delta.sign) AS fact_row_count,
    sum(delta.claim_count) AS claim_count,
    sum(delta.line_count) AS line_count,
    sum(delta.denied_line_count) AS denied_line_count,
    0.01 * etl.total(delta.billed_cents) AS billed_amount,
    0.01 * etl.total(delta.billed_cents) FILTER (WHERE delta.denied_line_count <> 0) AS denied_billed_amount,
    0.01 * etl.total(delta.allowed_cents) AS allowed_amount,
    0.01 * etl.total(delta.paid_cents) AS paid_amount,
    0.01 * etl.total(delta.deductible_cents) AS deductible_amount,
    0.01 * etl.total(delta.copay_cents) AS copay_amount,
    0.01 * etl.total(delta.coinsurance_cents) AS coinsurance_amount,
    0.01 * etl.total(delta.cob_cents) AS cob_amount
FROM work_claim_cents AS delta
WHERE delta.month_start_date = ANY(:months)
GROUP BY
    delta.service_date, delta.plan_key, delta.rendering_provider_key, delta.network_code, delta.claim_type,
    delta.plan_durable_key, delta.rendering_provider_durable_key
