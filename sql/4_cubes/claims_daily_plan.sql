-- Title:  Claims by service day and plan
-- Fills:  mart.claims_daily_plan: adds what the delta sums to
-- Reads:  work_claim_delta
-- Values: none
INSERT INTO mart.claims_daily_plan AS cube (
    plan_durable_key, service_date, fact_row_count, claim_count, line_count, denied_line_count, billed_amount,
    allowed_amount, paid_amount, settled_claim_count, settled_paid_amount
)
SELECT
    delta.plan_durable_key,
    delta.service_date,
    sum(delta.sign) AS fact_row_count,
    sum(delta.sign * delta.claim_count) AS claim_count,
    sum(delta.sign * delta.line_count) AS line_count,
    sum(delta.sign * delta.denied_line_count) AS denied_line_count,
    sum(delta.sign * delta.billed_amount) AS billed_amount,
    sum(delta.sign * delta.allowed_amount) AS allowed_amount,
    sum(delta.sign * delta.paid_amount) AS paid_amount,
    COALESCE(
        sum(delta.sign * delta.claim_count) FILTER (WHERE delta.paid_date <= delta.service_date + 30), 0
    ) AS settled_claim_count,
    COALESCE(
        sum(delta.sign * delta.paid_amount) FILTER (WHERE delta.paid_date <= delta.service_date + 30), 0
    ) AS settled_paid_amount
FROM work_claim_delta AS delta
GROUP BY delta.plan_durable_key, delta.service_date
ON CONFLICT (plan_durable_key, service_date) DO UPDATE SET
    fact_row_count = cube.fact_row_count + excluded.fact_row_count,
    claim_count = cube.claim_count + excluded.claim_count,
    line_count = cube.line_count + excluded.line_count,
    denied_line_count = cube.denied_line_count + excluded.denied_line_count,
    billed_amount = cube.billed_amount + excluded.billed_amount,
    allowed_amount = cube.allowed_amount + excluded.allowed_amount,
    paid_amount = cube.paid_amount + excluded.paid_amount,
    settled_claim_count = cube.settled_claim_count + excluded.settled_claim_count,
    settled_paid_amount = cube.settled_paid_amount + excluded.settled_paid_amount
