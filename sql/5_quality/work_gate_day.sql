-- Title:  The claim facts of all days, added up from what was added up by load
-- Fills:  nothing that stays: work_gate_day, one row per service day
-- Reads:  work_gate_line
-- Values: none
CREATE TEMPORARY TABLE work_gate_day ON COMMIT DROP AS
SELECT
    line.service_date,
    sum(line.line_count) AS line_count,
    sum(line.claim_count) AS claim_count,
    sum(line.denied_line_count) AS denied_line_count,
    sum(line.billed_amount) AS billed_amount,
    sum(line.allowed_amount) AS allowed_amount,
    sum(line.paid_amount) AS paid_amount,
    sum(line.deductible_amount) AS deductible_amount,
    sum(line.copay_amount) AS copay_amount,
    sum(line.coinsurance_amount) AS coinsurance_amount,
    sum(line.cob_amount) AS cob_amount
FROM work_gate_line AS line
GROUP BY line.service_date
