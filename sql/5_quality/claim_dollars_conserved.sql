-- Title:  Staged dollars against the dollars of their versions in the facts
-- Fills:  nothing: gives one key per load and amount that differs, with the figures
-- Reads:  work_gate_staged, work_gate_line, staging.stg_claim, warehouse.fact_claim_line
-- Values: none
WITH staged AS MATERIALIZED (
    -- Voids stand in the facts with amounts of zero.
    SELECT
        file.load_id,
        sum(file.billed_amount) FILTER (WHERE NOT file.is_void) AS billed_amount,
        sum(file.allowed_amount) FILTER (WHERE NOT file.is_void) AS allowed_amount,
        sum(file.paid_amount) FILTER (WHERE NOT file.is_void) AS paid_amount
    FROM work_gate_staged AS file
    GROUP BY file.load_id
),

loaded AS MATERIALIZED (
    SELECT
        line.load_id,
        sum(line.billed_amount) AS billed_amount,
        sum(line.allowed_amount) AS allowed_amount,
        sum(line.paid_amount) AS paid_amount
    FROM work_gate_line AS line
    WHERE NOT line.is_reversal
    GROUP BY line.load_id
),

differing AS MATERIALIZED (
    SELECT staged.load_id
    FROM staged
    LEFT JOIN loaded
        ON staged.load_id = loaded.load_id
    WHERE
        COALESCE(staged.billed_amount, 0) <> COALESCE(loaded.billed_amount, 0)
        OR COALESCE(staged.allowed_amount, 0) <> COALESCE(loaded.allowed_amount, 0)
        OR COALESCE(staged.paid_amount, 0) <> COALESCE(loaded.paid_amount, 0)
),

-- What is staged and rightly not counted: versions that a later delivery brought anew (see claim_lines_conserved).
repeated AS MATERIALIZED (
    SELECT
        claim.load_id,
        sum(claim.billed_amount) AS billed_amount,
        sum(claim.allowed_amount) AS allowed_amount,
        sum(claim.paid_amount) AS paid_amount
    FROM staging.stg_claim AS claim
    LEFT JOIN warehouse.fact_claim_line AS fact
        ON
            claim.load_id = fact.load_id
            AND NOT fact.is_reversal
            AND claim.claim_id = fact.claim_id
            AND claim.claim_version_number = fact.claim_version_number
            AND claim.claim_line_number = fact.claim_line_number
    WHERE
        (SELECT count(*) FROM differing) > 0
        AND claim.load_id = ANY(array(SELECT differing.load_id FROM differing))
        AND claim.claim_frequency_code <> '8'
        AND fact.claim_id IS NULL
    GROUP BY claim.load_id
)

SELECT
    'load '
    || staged.load_id
    || ' '
    || amount.name
    || ': staged '
    || amount.staged
    || ', in the facts '
    || amount.loaded
    || ', delivered again later ' || amount.repeated AS failed_key
FROM staged
INNER JOIN differing
    ON staged.load_id = differing.load_id
LEFT JOIN loaded
    ON staged.load_id = loaded.load_id
LEFT JOIN repeated
    ON staged.load_id = repeated.load_id
CROSS JOIN
    LATERAL (
        VALUES
        (
            'billed_amount', COALESCE(staged.billed_amount, 0), COALESCE(loaded.billed_amount, 0),
            COALESCE(repeated.billed_amount, 0)
        ),
        (
            'allowed_amount', COALESCE(staged.allowed_amount, 0), COALESCE(loaded.allowed_amount, 0),
            COALESCE(repeated.allowed_amount, 0)
        ),
        (
            'paid_amount', COALESCE(staged.paid_amount, 0), COALESCE(loaded.paid_amount, 0),
            COALESCE(repeated.paid_amount, 0)
        )
    ) AS amount (name, staged, loaded, repeated)
WHERE amount.staged <> amount.loaded + amount.repeated
