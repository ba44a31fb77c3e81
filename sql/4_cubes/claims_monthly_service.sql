-- Title:  Claims by month of service, plan and service category
-- Fills:  mart.claims_monthly_service: adds what the delta sums to
-- Reads:  work_claim_delta, work_service
-- Values: none
INSERT INTO mart.claims_monthly_service AS cube (
    month_start_date, plan_durable_key, service_category_code, fact_row_count, claim_count, line_count,
    denied_line_count, unit_count, billed_amount, allowed_amount, paid_amount, deductible_amount, copay_amount,
    coinsurance_amount, cob_amount
)
SELECT
    date_trunc('month', delta.service_date::timestamp)::date AS month_start_date,
    delta.plan_durable_key,
    service.service_category_code,
    sum(delta.sign) AS fact_row_count,
    sum(delta.sign * delta.claim_count) AS claim_count,
    sum(delta.sign * delta.line_count) AS line_count,
    sum(delta.sign * delta.denied_line_count) AS denied_line_count,
    sum(delta.sign * delta.unit_count) AS unit_count,
    sum(delta.sign * delta.billed_amount) AS billed_amount,
    sum(delta.sign * delta.allowed_amount) AS allowed_amount,
    sum(delta.sign * delta.paid_amount) AS paid_amount,
    sum(delta.sign * delta.deductible_amount) AS deductible_amount,
    sum(delta.sign * delta.copay_amount) AS copay_amount,
    sum(delta.sign * delta.coinsurance_amount) AS coinsurance_amount,
    sum(delta.sign * delta.cob_amount) AS cob_amount
FROM work_claim_delta AS delta
INNER JOIN work_service AS service
    ON
        COALESCE(delta.claim_type, '') = service.claim_type
        AND COALESCE(delta.bill_type_code, '') = service.bill_type_code
        AND COALESCE(delta.place_of_service_code, '') = service.place_of_service_code
        AND COALESCE(delta.revenue_code, '') = service.revenue_code
        AND COALESCE(delta.procedure_code, '') = service.procedure_code
GROUP BY
    date_trunc('month', delta.service_date::timestamp)::date, delta.plan_durable_key, service.service_category_code
ON CONFLICT (month_start_date, plan_durable_key, service_category_code) DO UPDATE SET
    fact_row_count = cube.fact_row_count + excluded.fact_row_count,
    claim_count = cube.claim_count + excluded.claim_count,
    line_count = cube.line_count + excluded.line_count,
    denied_line_count = cube.denied_line_count + excluded.denied_line_count,
    unit_count = cube.unit_count + excluded.unit_count,
    billed_amount = cube.billed_amount + excluded.billed_amount,
    allowed_amount = cube.allowed_amount + excluded.allowed_amount,
    paid_amount = cube.paid_amount + excluded.paid_amount,
    deductible_amount = cube.deductible_amount + excluded.deductible_amount,
    copay_amount = cube.copay_amount + excluded.copay_amount,
    coinsurance_amount = cube.coinsurance_amount + excluded.coinsurance_amount,
    cob_amount = cube.cob_amount + excluded.cob_amount
