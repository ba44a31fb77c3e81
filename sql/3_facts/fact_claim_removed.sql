-- Title:  Takes out the snapshots of the families that are told anew
-- Fills:  warehouse.fact_claim
-- Reads:  work_claim_family
-- Values: none
DELETE FROM warehouse.fact_claim AS fact
USING work_claim_family AS family
WHERE fact.claim_family_id = family.claim_family_id
