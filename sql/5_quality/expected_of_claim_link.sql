-- Title:  Replacements and voids as their rules see them: true where the claim they speak of never came
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  warehouse.claim_link, fact_claim_line
-- Values: none
SELECT DISTINCT
    'claim ' || link.claim_id AS failed_key,
    parent.claim_id IS NULL AS replacement_without_original,
    link.claim_id = link.parent_claim_id AS replaces_itself
FROM warehouse.claim_link AS link
LEFT JOIN warehouse.fact_claim_line AS parent
    ON link.parent_claim_id = parent.claim_id
