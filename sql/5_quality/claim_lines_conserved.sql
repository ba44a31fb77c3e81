-- Title:  Claim lines that are staged and not in the facts, or in the facts and not staged
-- Fills:  nothing: gives the keys that fail
-- Reads:  work_gate_staged, work_gate_line, work_claim_link, staging.stg_claim, warehouse.fact_claim_line
-- Values: none
WITH staged AS (
    SELECT
        file.load_id,
        sum(file.row_count) AS row_count,
        sum(file.line_hash) AS line_hash
    FROM work_gate_staged AS file
    GROUP BY file.load_id
),

loaded AS (
    SELECT
        line.load_id,
        sum(line.row_count) AS row_count,
        sum(line.line_hash) AS line_hash
    FROM work_gate_line AS line
    WHERE NOT line.is_reversal
    GROUP BY line.load_id
),

differing AS MATERIALIZED (
    SELECT COALESCE(staged.load_id, loaded.load_id) AS load_id
    FROM staged
    FULL JOIN loaded
        ON staged.load_id = loaded.load_id
    WHERE (staged.row_count, staged.line_hash) IS DISTINCT FROM (loaded.row_count, loaded.line_hash)
),

-- From here on only for the loads that differ: where none does, nothing is read.
staged_line AS MATERIALIZED (
    SELECT
        claim.claim_id,
        claim.claim_version_number,
        claim.claim_line_number,
        claim.load_id
    FROM staging.stg_claim AS claim
    WHERE
        (SELECT count(*) FROM differing) > 0
        AND claim.load_id = ANY(array(SELECT differing.load_id FROM differing))
),

loaded_line AS MATERIALIZED (
    SELECT
        fact.claim_id,
        fact.claim_version_number,
        fact.claim_line_number,
        fact.load_id
    FROM warehouse.fact_claim_line AS fact
    WHERE
        (SELECT count(*) FROM differing) > 0
        AND fact.load_id = ANY(array(SELECT differing.load_id FROM differing))
        AND NOT fact.is_reversal
),

unmatched AS MATERIALIZED (
    SELECT
        COALESCE(staged.claim_id, loaded.claim_id) AS claim_id,
        COALESCE(staged.claim_version_number, loaded.claim_version_number) AS claim_version_number,
        COALESCE(staged.claim_line_number, loaded.claim_line_number) AS claim_line_number,
        COALESCE(staged.load_id, loaded.load_id) AS load_id,
        staged.claim_id IS NULL AS is_from_nowhere
    FROM staged_line AS staged
    FULL JOIN loaded_line AS loaded
        ON
            staged.claim_id = loaded.claim_id
            AND staged.claim_version_number = loaded.claim_version_number
            AND staged.claim_line_number = loaded.claim_line_number
            AND staged.load_id = loaded.load_id
    WHERE staged.claim_id IS NULL OR loaded.claim_id IS NULL
)

SELECT DISTINCT
    unmatched.claim_id || ' version ' || unmatched.claim_version_number || ' line ' || unmatched.claim_line_number
    || CASE WHEN unmatched.is_from_nowhere THEN ' is in the facts, not staged' ELSE ' is staged, not in the facts' END
        AS failed_key
FROM unmatched
LEFT JOIN work_claim_link AS link
    ON unmatched.claim_id = link.claim_id
-- A version that was delivered again stands with its latest delivery.
LEFT JOIN warehouse.fact_claim_line AS later
    ON
        COALESCE(link.claim_family_id, unmatched.claim_id) = later.claim_family_id
        AND unmatched.claim_id = later.claim_id
        AND unmatched.claim_version_number = later.claim_version_number
        AND NOT unmatched.is_from_nowhere
        AND NOT later.is_reversal
        AND unmatched.load_id <> later.load_id
WHERE later.claim_id IS NULL
