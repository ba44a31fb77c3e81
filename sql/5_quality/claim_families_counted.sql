-- Title:  The number of claims, counted by their first lines and by their families
-- Fills:  nothing: gives both figures where they differ
-- Reads:  work_gate_line, warehouse.fact_claim
-- Values: none
WITH lines AS (
    SELECT COALESCE(sum(line.claim_count), 0) AS claim_count
    FROM work_gate_line AS line
),

families AS (
    SELECT count(*) AS family_count
    FROM warehouse.fact_claim AS family
    WHERE NOT family.is_voided
)

SELECT lines.claim_count || ' claims by lines, ' || families.family_count || ' families' AS failed_key
FROM lines
CROSS JOIN families
WHERE lines.claim_count <> families.family_count
