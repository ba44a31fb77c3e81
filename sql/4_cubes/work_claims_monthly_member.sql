-- Title:  Claims by member and month of service
-- Fills:  work_claims_monthly_member: what is then added to mart.claims_monthly_member
-- Reads:  work_claim_delta, warehouse.dim_date
-- Values: none
CREATE TEMPORARY TABLE work_claims_monthly_member ON COMMIT DROP AS
SELECT
    delta.member_durable_key,
    month.month_start_date,
    sum(delta.sign) AS fact_row_count,
    sum(delta.claim_count) AS claim_count,
    sum(delta.line_count) AS line_count,
    sum(delta.denied_line_count) AS denied_line_count,
    sum(delta.billed_amount) AS billed_amount,
    sum(delta.allowed_amount) AS allowed_amount,
    sum(delta.paid_amount) AS paid_amount,
    sum(delta.deductible_amount) AS deductible_amount,
    sum(delta.copay_amount) AS copay_amount,
    sum(delta.coinsurance_amount) AS coinsurance_amount,
    sum(delta.cob_amount) AS cob_amount
FROM work_claim_delta AS delta
INNER JOIN warehouse.dim_date AS month
    ON delta.service_date = month.calendar_date
GROUP BY delta.member_durable_key, month.month_start_date
