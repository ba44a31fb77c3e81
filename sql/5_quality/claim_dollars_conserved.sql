-- Title:  Staged dollars of these loads against the dollars of their versions in the facts
-- Fills:  nothing: gives one key per amount that differs, with both figures
-- Reads:  staging.stg_claim, warehouse.fact_claim_line
-- Values: :loads
WITH staged AS (
    SELECT
        claim.load_id,
        sum(claim.billed_amount) AS billed_amount,
        sum(claim.allowed_amount) AS allowed_amount,
        sum(claim.paid_amount) AS paid_amount
    FROM staging.stg_claim AS claim
    WHERE claim.load_id = ANY(:loads)
    GROUP BY claim.load_id
),

loaded AS (
    SELECT
        fact.load_id,
        sum(fact.billed_amount) AS billed_amount,
        sum(fact.allowed_amount) AS allowed_amount,
        sum(fact.paid_amount) AS paid_amount
    FROM warehouse.fact_claim_line AS fact
    WHERE fact.load_id = ANY(:loads) AND NOT fact.is_reversal
    GROUP BY fact.load_id
),

-- Voids: their records stand in the facts with amounts of zero.
void AS (
    SELECT
        claim.load_id,
        sum(claim.billed_amount) AS billed_amount,
        sum(claim.allowed_amount) AS allowed_amount,
        sum(claim.paid_amount) AS paid_amount
    FROM staging.stg_claim AS claim
    WHERE claim.load_id = ANY(:loads) AND claim.claim_frequency_code = '8'
    GROUP BY claim.load_id
),

-- Where they differ: what is staged and rightly not counted, versions that a later delivery brought anew.
differing AS (
    SELECT staged.load_id
    FROM staged
    LEFT JOIN loaded
        ON staged.load_id = loaded.load_id
    LEFT JOIN void
        ON staged.load_id = void.load_id
    WHERE
        staged.billed_amount <> COALESCE(loaded.billed_amount, 0) + COALESCE(void.billed_amount, 0)
        OR staged.allowed_amount <> COALESCE(loaded.allowed_amount, 0) + COALESCE(void.allowed_amount, 0)
        OR staged.paid_amount <> COALESCE(loaded.paid_amount, 0) + COALESCE(void.paid_amount, 0)
),

outdated AS (
    SELECT
        claim.load_id,
        sum(claim.billed_amount) AS billed_amount,
        sum(claim.allowed_amount) AS allowed_amount,
        sum(claim.paid_amount) AS paid_amount
    FROM staging.stg_claim AS claim
    INNER JOIN differing
        ON claim.load_id = differing.load_id
    LEFT JOIN warehouse.fact_claim_line AS fact
        ON
            claim.load_id = fact.load_id
            AND NOT fact.is_reversal
            AND claim.claim_id = fact.claim_id
            AND claim.claim_version_number = fact.claim_version_number
            AND claim.claim_line_number = fact.claim_line_number
    WHERE claim.load_id = ANY(:loads) AND claim.claim_frequency_code <> '8' AND fact.claim_id IS NULL
    GROUP BY claim.load_id
)

SELECT
    'load ' || staged.load_id || ' ' || amount.name || ': staged ' || amount.staged || ', in the facts ' || amount.loaded
    || ', void ' || amount.void || ', delivered again later ' || amount.outdated AS failed_key
FROM staged
LEFT JOIN loaded
    ON staged.load_id = loaded.load_id
LEFT JOIN void
    ON staged.load_id = void.load_id
LEFT JOIN outdated
    ON staged.load_id = outdated.load_id
CROSS JOIN LATERAL (
    VALUES
    (
        'billed_amount', staged.billed_amount, COALESCE(loaded.billed_amount, 0), COALESCE(void.billed_amount, 0),
        COALESCE(outdated.billed_amount, 0)
    ),
    (
        'allowed_amount', staged.allowed_amount, COALESCE(loaded.allowed_amount, 0), COALESCE(void.allowed_amount, 0),
        COALESCE(outdated.allowed_amount, 0)
    ),
    (
        'paid_amount', staged.paid_amount, COALESCE(loaded.paid_amount, 0), COALESCE(void.paid_amount, 0),
        COALESCE(outdated.paid_amount, 0)
    )
) AS amount (name, staged, loaded, void, outdated)
WHERE amount.staged <> amount.loaded + amount.void + amount.outdated
