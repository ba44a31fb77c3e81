-- Title:  Claims by member and month of service
-- Fills:  mart.claims_monthly_member: what is added to it
-- Reads:  work_claim_cents
-- Values: :months
SELECT
    delta.member_durable_key,
    delta.month_start_date,
    sum(delta.sign) AS fact_row_count,
    sum(delta.claim_count) AS claim_count,
    sum(delta.line_count) AS line_count,
    sum(delta.denied_line_count) AS denied_line_count,
    0.01 * etl.total(delta.billed_cents) AS billed_amount,
    0.01 * etl.total(delta.allowed_cents) AS allowed_amount,
    0.01 * etl.total(delta.paid_cents) AS paid_amount,
    0.01 * etl.total(delta.deductible_cents) AS deductible_amount,
    0.01 * etl.total(delta.copay_cents) AS copay_amount,
    0.01 * etl.total(delta.coinsurance_cents) AS coinsurance_amount,
    0.01 * etl.total(delta.cob_cents) AS cob_amount
FROM work_claim_cents AS delta
WHERE delta.month_start_date = ANY(:months)
GROUP BY delta.member_durable_key, delta.month_start_date
