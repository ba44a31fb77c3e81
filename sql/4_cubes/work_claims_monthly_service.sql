-- Title:  Claims by month of service, plan and service category
-- Fills:  work_claims_monthly_service: what is then added to mart.claims_monthly_service
-- Reads:  work_claim_delta, warehouse.dim_date
-- Values: none
CREATE TEMPORARY TABLE work_claims_monthly_service ON COMMIT DROP AS
SELECT
    service_day.month_start_date,
    delta.plan_durable_key,
    delta.service_category_code,
    sum(delta.sign) AS fact_row_count,
    sum(delta.claim_count) AS claim_count,
    sum(delta.line_count) AS line_count,
    sum(delta.denied_line_count) AS denied_line_count,
    sum(delta.unit_count) AS unit_count,
    sum(delta.billed_amount) AS billed_amount,
    sum(delta.allowed_amount) AS allowed_amount,
    sum(delta.paid_amount) AS paid_amount,
    sum(delta.deductible_amount) AS deductible_amount,
    sum(delta.copay_amount) AS copay_amount,
    sum(delta.coinsurance_amount) AS coinsurance_amount,
    sum(delta.cob_amount) AS cob_amount
FROM work_claim_delta AS delta
INNER JOIN warehouse.dim_date AS service_day
    ON delta.service_date = service_day.calendar_date
GROUP BY service_day.month_start_date, delta.plan_durable_key, delta.service_category_code
