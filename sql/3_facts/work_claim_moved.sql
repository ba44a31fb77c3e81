-- Title:  What this load adds to the claim facts and takes from them
-- Fills:  work_claim_moved (made LIKE warehouse.fact_claim_line, with a sign): 1 added, -1 taken
-- Reads:  warehouse.fact_claim_line, work_claim_family, work_claim_added, work_claim_removed
-- Values: :loads
INSERT INTO work_claim_moved
SELECT
    fact.*,
    1 AS sign
FROM warehouse.fact_claim_line AS fact
LEFT JOIN work_claim_family AS family
    ON fact.claim_family_id = family.claim_family_id
WHERE fact.load_id = ANY(:loads) AND family.claim_family_id IS NULL
UNION ALL
SELECT
    added.*,
    1 AS sign
FROM work_claim_added AS added
UNION ALL
SELECT
    removed.*,
    -1 AS sign
FROM work_claim_removed AS removed
