-- Title:  Claims by service day, plan version, rendering provider version, network and claim type
-- Fills:  work_claims_daily_plan_provider: what is then added to mart.claims_daily_plan_provider
-- Reads:  work_claim_delta
-- Values: none
CREATE TEMPORARY TABLE work_claims_daily_plan_provider ON COMMIT DROP AS
SELECT
    delta.service_date,
    delta.plan_key,
    delta.rendering_provider_key AS provider_key,
    CASE delta.is_in_network WHEN TRUE THEN 'in' WHEN FALSE THEN 'out' ELSE 'unknown' END AS network_code,
    delta.claim_type,
    delta.plan_durable_key,
    delta.rendering_provider_durable_key AS provider_durable_key,
    sum(delta.sign) AS fact_row_count,
    sum(delta.claim_count) AS claim_count,
    sum(delta.line_count) AS line_count,
    sum(delta.denied_line_count) AS denied_line_count,
    sum(delta.billed_amount) AS billed_amount,
    COALESCE(sum(delta.billed_amount) FILTER (WHERE delta.denied_line_count <> 0), 0) AS denied_billed_amount,
    sum(delta.allowed_amount) AS allowed_amount,
    sum(delta.paid_amount) AS paid_amount,
    sum(delta.deductible_amount) AS deductible_amount,
    sum(delta.copay_amount) AS copay_amount,
    sum(delta.coinsurance_amount) AS coinsurance_amount,
    sum(delta.cob_amount) AS cob_amount
FROM work_claim_delta AS delta
GROUP BY
    delta.service_date, delta.plan_key, delta.rendering_provider_key, delta.is_in_network, delta.claim_type,
    delta.plan_durable_key, delta.rendering_provider_durable_key
