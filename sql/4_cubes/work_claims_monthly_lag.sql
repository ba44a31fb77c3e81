-- Title:  Claims by month of service, month of payment and claim type
-- Fills:  work_claims_monthly_lag: what is then added to mart.claims_monthly_lag
-- Reads:  work_claim_delta, warehouse.dim_date
-- Values: none
CREATE TEMPORARY TABLE work_claims_monthly_lag ON COMMIT DROP AS
SELECT
    service_day.month_start_date,
    COALESCE(paid_day.month_start_date, DATE '9999-12-01') AS paid_month_start_date,
    delta.claim_type,
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
LEFT JOIN warehouse.dim_date AS paid_day
    ON delta.paid_date = paid_day.calendar_date
GROUP BY service_day.month_start_date, paid_day.month_start_date, delta.claim_type
