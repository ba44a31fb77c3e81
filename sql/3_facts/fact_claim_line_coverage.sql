-- Title:  Orphan and plan-mismatch flags of the members whose enrollment changed
-- Fills:  warehouse.fact_claim_line.is_orphan_claim, is_plan_mismatch: only where they differ
-- Reads:  work_claim_member, work_coverage
-- Values: none
UPDATE warehouse.fact_claim_line AS fact
SET
    is_orphan_claim = judged.is_orphan_claim,
    is_plan_mismatch = judged.is_plan_mismatch
FROM (
    SELECT
        claim.member_durable_key,
        claim.service_date,
        claim.claim_id,
        claim.claim_version_number,
        claim.claim_line_number,
        claim.is_reversal,
        covered.member_durable_key IS NULL AS is_orphan_claim,
        covered.member_durable_key IS NOT NULL AND by_plan.member_durable_key IS NULL AS is_plan_mismatch
    FROM warehouse.fact_claim_line AS claim
    INNER JOIN work_claim_member AS member
        ON claim.member_durable_key = member.member_durable_key
    LEFT JOIN work_coverage AS covered
        ON
            claim.member_durable_key = covered.member_durable_key
            AND covered.plan_durable_key IS NULL
            AND claim.service_date >= covered.coverage_start_date
            AND claim.service_date <= covered.coverage_end_date
    LEFT JOIN work_coverage AS by_plan
        ON
            claim.member_durable_key = by_plan.member_durable_key
            AND claim.plan_durable_key = by_plan.plan_durable_key
            AND claim.service_date >= by_plan.coverage_start_date
            AND claim.service_date <= by_plan.coverage_end_date
) AS judged
WHERE
    fact.member_durable_key = judged.member_durable_key
    AND fact.service_date = judged.service_date
    AND fact.claim_id = judged.claim_id
    AND fact.claim_version_number = judged.claim_version_number
    AND fact.claim_line_number = judged.claim_line_number
    AND fact.is_reversal = judged.is_reversal
    AND (fact.is_orphan_claim <> judged.is_orphan_claim OR fact.is_plan_mismatch <> judged.is_plan_mismatch)
