-- Title:  Claims by service day and plan
-- Fills:  work_claims_daily_plan: what is then added to mart.claims_daily_plan
-- Reads:  work_claim_delta
-- Values: none
CREATE TEMPORARY TABLE work_claims_daily_plan ON COMMIT DROP AS
SELECT
    delta.plan_durable_key,
    delta.service_date,
    sum(delta.sign) AS fact_row_count,
    sum(delta.claim_count) AS claim_count,
    sum(delta.line_count) AS line_count,
    sum(delta.denied_line_count) AS denied_line_count,
    sum(delta.billed_amount) AS billed_amount,
    sum(delta.allowed_amount) AS allowed_amount,
    sum(delta.paid_amount) AS paid_amount,
    COALESCE(
        sum(delta.claim_count) FILTER (WHERE delta.paid_date <= delta.service_date + 30), 0
    ) AS settled_claim_count,
    COALESCE(
        sum(delta.paid_amount) FILTER (WHERE delta.paid_date <= delta.service_date + 30), 0
    ) AS settled_paid_amount
FROM work_claim_delta AS delta
GROUP BY delta.plan_durable_key, delta.service_date
