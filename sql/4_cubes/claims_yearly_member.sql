-- Title:  Claims by member and year of service
-- Fills:  mart.claims_yearly_member: what is added to it
-- Reads:  work_claims_monthly_member
-- Values: none
SELECT
    month.member_durable_key,
    extract(YEAR FROM month.month_start_date)::integer AS calendar_year,
    sum(month.fact_row_count) AS fact_row_count,
    sum(month.claim_count) AS claim_count,
    sum(month.line_count) AS line_count,
    sum(month.denied_line_count) AS denied_line_count,
    sum(month.billed_amount) AS billed_amount,
    sum(month.allowed_amount) AS allowed_amount,
    sum(month.paid_amount) AS paid_amount
FROM work_claims_monthly_member AS month
GROUP BY month.member_durable_key, extract(YEAR FROM month.month_start_date)::integer
