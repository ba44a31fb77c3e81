-- Title:  Which claim each replacement and void speaks of, by its own word or by the declared suffix of its id
-- Fills:  warehouse.claim_link, one row per claim
-- Reads:  staging.stg_claim, etl.load
-- Values: :loads, :suffix
INSERT INTO warehouse.claim_link AS link (claim_id, parent_claim_id, as_of, load_id, load_timestamp)
WITH told AS (
    SELECT
        claim.claim_id,
        claim.load_id,
        COALESCE(
            max(NULLIF(claim.original_claim_id, claim.claim_id)),
            CASE WHEN :suffix <> '' THEN regexp_replace(claim.claim_id, :suffix, '') END
        ) AS parent_claim_id
    FROM staging.stg_claim AS claim
    WHERE
        claim.load_id = ANY(:loads)
        AND (claim.original_claim_id <> claim.claim_id OR (:suffix <> '' AND claim.claim_id ~ :suffix))
    GROUP BY claim.claim_id, claim.load_id
)

SELECT DISTINCT ON (told.claim_id)
    told.claim_id,
    told.parent_claim_id,
    load.as_of,
    told.load_id,
    load.load_timestamp
FROM told
INNER JOIN etl.load AS load
    ON told.load_id = load.load_id
WHERE told.parent_claim_id <> told.claim_id
ORDER BY told.claim_id, load.as_of DESC, told.load_id DESC
ON CONFLICT (claim_id) DO UPDATE SET
    parent_claim_id = excluded.parent_claim_id,
    as_of = excluded.as_of,
    load_id = excluded.load_id,
    load_timestamp = excluded.load_timestamp
WHERE excluded.as_of >= link.as_of
