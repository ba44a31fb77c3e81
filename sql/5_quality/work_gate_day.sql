-- Title:  The claim facts of some days, added up
-- Fills:  nothing that stays: work_gate_day, one row per service day
-- Reads:  warehouse.fact_claim_line
-- Values: :days
CREATE TEMPORARY TABLE work_gate_day ON COMMIT DROP AS
SELECT
    fact.service_date,
    sum(fact.line_count) AS line_count,
    sum(fact.claim_count) AS claim_count,
    sum(fact.denied_line_count) AS denied_line_count,
    sum(fact.billed_amount) AS billed_amount,
    sum(fact.allowed_amount) AS allowed_amount,
    sum(fact.paid_amount) AS paid_amount,
    sum(fact.deductible_amount) AS deductible_amount,
    sum(fact.copay_amount) AS copay_amount,
    sum(fact.coinsurance_amount) AS coinsurance_amount,
    sum(fact.cob_amount) AS cob_amount
FROM warehouse.fact_claim_line AS fact
WHERE fact.service_date = ANY(:days)
GROUP BY fact.service_date
