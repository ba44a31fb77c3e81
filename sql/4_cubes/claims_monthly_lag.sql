-- Title:  Claims by month of service, month of payment and claim type
-- Fills:  mart.claims_monthly_lag: adds what the delta sums to
-- Reads:  work_claim_delta, warehouse.dim_date
-- Values: none
INSERT INTO mart.claims_monthly_lag AS cube (
    month_start_date, paid_month_start_date, claim_type, fact_row_count, claim_count, line_count, denied_line_count,
    billed_amount, allowed_amount, paid_amount
)
SELECT
    service_day.month_start_date,
    COALESCE(paid_day.month_start_date, DATE '9999-12-01') AS paid_month_start_date,
    delta.claim_type,
    sum(delta.sign) AS fact_row_count,
    sum(delta.sign * delta.claim_count) AS claim_count,
    sum(delta.sign * delta.line_count) AS line_count,
    sum(delta.sign * delta.denied_line_count) AS denied_line_count,
    sum(delta.sign * delta.billed_amount) AS billed_amount,
    sum(delta.sign * delta.allowed_amount) AS allowed_amount,
    sum(delta.sign * delta.paid_amount) AS paid_amount
FROM work_claim_delta AS delta
INNER JOIN warehouse.dim_date AS service_day
    ON delta.service_date = service_day.calendar_date
LEFT JOIN warehouse.dim_date AS paid_day
    ON delta.paid_date = paid_day.calendar_date
GROUP BY service_day.month_start_date, paid_day.month_start_date, delta.claim_type
ON CONFLICT (month_start_date, paid_month_start_date, claim_type) DO UPDATE SET
    fact_row_count = cube.fact_row_count + excluded.fact_row_count,
    claim_count = cube.claim_count + excluded.claim_count,
    line_count = cube.line_count + excluded.line_count,
    denied_line_count = cube.denied_line_count + excluded.denied_line_count,
    billed_amount = cube.billed_amount + excluded.billed_amount,
    allowed_amount = cube.allowed_amount + excluded.allowed_amount,
    paid_amount = cube.paid_amount + excluded.paid_amount
