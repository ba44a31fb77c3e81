-- Title:  Claims by member and year of service
-- Fills:  work_claims_yearly_member: what is then added to mart.claims_yearly_member
-- Reads:  work_claim_delta, warehouse.dim_date
-- Values: none
CREATE TEMPORARY TABLE work_claims_yearly_member ON COMMIT DROP AS
SELECT
    delta.member_durable_key,
    service_day.calendar_year,
    sum(delta.sign) AS fact_row_count,
    sum(delta.claim_count) AS claim_count,
    sum(delta.line_count) AS line_count,
    sum(delta.denied_line_count) AS denied_line_count,
    sum(delta.billed_amount) AS billed_amount,
    sum(delta.allowed_amount) AS allowed_amount,
    sum(delta.paid_amount) AS paid_amount
FROM work_claim_delta AS delta
INNER JOIN warehouse.dim_date AS service_day
    ON delta.service_date = service_day.calendar_date
GROUP BY delta.member_durable_key, service_day.calendar_year
