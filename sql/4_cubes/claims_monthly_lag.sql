-- Title:  Claims by month of service, month of payment and claim type
-- Fills:  mart.claims_monthly_lag: what is added to it
-- Reads:  work_claim_cents
-- Values: :months
SELECT
    delta.month_start_date,
    delta.paid_month_start_date,
    delta.claim_type,
    sum(delta.sign) AS fact_row_count,
    sum(delta.claim_count) AS claim_count,
    sum(delta.line_count) AS line_count,
    sum(delta.denied_line_count) AS denied_line_count,
    0.01 * etl.total(delta.billed_cents) AS billed_amount,
    0.01 * etl.total(delta.allowed_cents) AS allowed_amount,
    0.01 * etl.total(delta.paid_cents) AS paid_amount
FROM work_claim_cents AS delta
WHERE delta.month_start_date = ANY(:months)
GROUP BY delta.month_start_date, delta.paid_month_start_date, delta.claim_type
