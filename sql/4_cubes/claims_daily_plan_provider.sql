-- Title:  Claims by service day, plan version, rendering provider version, network and claim type
-- Fills:  mart.claims_daily_plan_provider: adds what the delta sums to
-- Reads:  work_claim_delta
-- Values: none
INSERT INTO mart.claims_daily_plan_provider AS cube (
    service_date, plan_key, provider_key, network_code, claim_type, plan_durable_key, provider_durable_key,
    fact_row_count,
    claim_count, line_count, denied_line_count, billed_amount, denied_billed_amount, allowed_amount, paid_amount,
    deductible_amount, copay_amount, coinsurance_amount, cob_amount
)
SELECT
    delta.service_date,
    delta.plan_key,
    delta.rendering_provider_key AS provider_key,
    CASE delta.is_in_network WHEN TRUE THEN 'in' WHEN FALSE THEN 'out' ELSE 'unknown' END AS network_code,
    delta.claim_type,
    delta.plan_durable_key,
    delta.rendering_provider_durable_key AS provider_durable_key,
    sum(delta.sign) AS fact_row_count,
    sum(delta.sign * delta.claim_count) AS claim_count,
    sum(delta.sign * delta.line_count) AS line_count,
    sum(delta.sign * delta.denied_line_count) AS denied_line_count,
    sum(delta.sign * delta.billed_amount) AS billed_amount,
    sum(delta.sign * abs(delta.denied_line_count) * delta.billed_amount) AS denied_billed_amount,
    sum(delta.sign * delta.allowed_amount) AS allowed_amount,
    sum(delta.sign * delta.paid_amount) AS paid_amount,
    sum(delta.sign * delta.deductible_amount) AS deductible_amount,
    sum(delta.sign * delta.copay_amount) AS copay_amount,
    sum(delta.sign * delta.coinsurance_amount) AS coinsurance_amount,
    sum(delta.sign * delta.cob_amount) AS cob_amount
FROM work_claim_delta AS delta
GROUP BY
    delta.service_date, delta.plan_key, delta.rendering_provider_key, delta.is_in_network, delta.claim_type,
    delta.plan_durable_key, delta.rendering_provider_durable_key
ON CONFLICT (
    service_date, plan_key, provider_key, network_code, claim_type, plan_durable_key, provider_durable_key
) DO UPDATE SET
    fact_row_count = cube.fact_row_count + excluded.fact_row_count,
    claim_count = cube.claim_count + excluded.claim_count,
    line_count = cube.line_count + excluded.line_count,
    denied_line_count = cube.denied_line_count + excluded.denied_line_count,
    billed_amount = cube.billed_amount + excluded.billed_amount,
    denied_billed_amount = cube.denied_billed_amount + excluded.denied_billed_amount,
    allowed_amount = cube.allowed_amount + excluded.allowed_amount,
    paid_amount = cube.paid_amount + excluded.paid_amount,
    deductible_amount = cube.deductible_amount + excluded.deductible_amount,
    copay_amount = cube.copay_amount + excluded.copay_amount,
    coinsurance_amount = cube.coinsurance_amount + excluded.coinsurance_amount,
    cob_amount = cube.cob_amount + excluded.cob_amount
