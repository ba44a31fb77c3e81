-- Title:  Claims by service day and plan
-- Fills:  mart.claims_daily_plan: what is added to it
-- Reads:  work_claim_cents
-- Values: :months
SELECT
    delta.plan_durable_key,
    delta.service_date,
    sum(delta.sign) AS fact_row_count,
    sum(delta.claim_count) AS claim_count,
    sum(delta.line_count) AS line_count,
    sum(delta.denied_line_count) AS denied_line_count,
    0.01 * etl.total(delta.billed_cents) AS billed_amount,
    0.01 * etl.total(delta.allowed_cents) AS allowed_amount,
    0.01 * etl.total(delta.paid_cents) AS paid_amount,
    COALESCE(sum(delta.claim_count) FILTER (WHERE delta.is_settled), 0) AS settled_claim_count,
    0.01 * etl.total(delta.paid_cents) FILTER (WHERE delta.is_settled) AS settled_paid_amount
FROM work_claim_cents AS delta
WHERE delta.month_start_date = ANY(:months)
GROUP BY delta.plan_durable_key, delta.service_date
