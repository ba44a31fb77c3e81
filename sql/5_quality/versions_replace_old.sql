-- Title:  Claim families of which not the version in force counts, on days where all lines and those in force differ
-- Fills:  nothing: gives the families that fail
-- Reads:  work_gate_line, warehouse.fact_claim_line
-- Values: none
WITH differing AS MATERIALIZED (
    SELECT line.service_date
    FROM work_gate_line AS line
    WHERE NOT line.is_final_action
    GROUP BY line.service_date
    HAVING
        (
            sum(line.line_count), sum(line.claim_count), sum(line.denied_line_count), sum(line.billed_amount),
            sum(line.allowed_amount), sum(line.paid_amount)
        ) <> (0, 0, 0, 0, 0, 0)
)

SELECT 'claim family ' || fact.claim_family_id || ' on ' || fact.service_date AS failed_key
FROM warehouse.fact_claim_line AS fact
WHERE
    (SELECT count(*) FROM differing) > 0
    AND fact.service_date = ANY(array(SELECT differing.service_date FROM differing))
    AND NOT fact.is_final_action
GROUP BY fact.service_date, fact.claim_family_id
HAVING
    (
        sum(fact.line_count), sum(fact.claim_count), sum(fact.denied_line_count), sum(fact.billed_amount),
        sum(fact.allowed_amount), sum(fact.paid_amount)
    ) <> (0, 0, 0, 0, 0, 0)
