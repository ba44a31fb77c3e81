-- Title:  Claim families of the load of which more than one version counts, or not the one in force, on its days
-- Fills:  nothing: gives the families that fail
-- Reads:  work_claim_family, warehouse.fact_claim_line
-- Values: :days
SELECT 'claim family ' || fact.claim_family_id AS failed_key
FROM warehouse.fact_claim_line AS fact
INNER JOIN work_claim_family AS family
    ON fact.claim_family_id = family.claim_family_id
WHERE fact.service_date = ANY(:days)
GROUP BY fact.claim_family_id
HAVING
    min(fact.claim_id || ' ' || fact.claim_version_number) FILTER (WHERE fact.is_final_action)
    <> max(fact.claim_id || ' ' || fact.claim_version_number) FILTER (WHERE fact.is_final_action)
    -- All that is not in force comes to nothing.
    OR (
        COALESCE(sum(fact.line_count) FILTER (WHERE NOT fact.is_final_action), 0),
        COALESCE(sum(fact.claim_count) FILTER (WHERE NOT fact.is_final_action), 0),
        COALESCE(sum(fact.denied_line_count) FILTER (WHERE NOT fact.is_final_action), 0),
        COALESCE(sum(fact.billed_amount) FILTER (WHERE NOT fact.is_final_action), 0),
        COALESCE(sum(fact.allowed_amount) FILTER (WHERE NOT fact.is_final_action), 0),
        COALESCE(sum(fact.paid_amount) FILTER (WHERE NOT fact.is_final_action), 0)
    ) <> (0, 0, 0, 0, 0, 0)
