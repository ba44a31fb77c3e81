-- Title:  The family of every claim that is linked, directly or through others, to a claim of these loads
-- Fills:  work_claim_link, one row per claim of the touched families
-- Reads:  staging.stg_claim, warehouse.claim_link
-- Values: :loads, :is_rebuild
CREATE TEMPORARY TABLE work_claim_link ON COMMIT DROP AS
WITH RECURSIVE touched AS (
    SELECT link.claim_id
    FROM warehouse.claim_link AS link
    WHERE :is_rebuild
    UNION ALL
    SELECT link.claim_id
    FROM warehouse.claim_link AS link
    WHERE
        NOT :is_rebuild
        AND link.claim_id IN (
            SELECT claim.claim_id
            FROM staging.stg_claim AS claim
            WHERE claim.load_id = ANY(:loads)
        )
    UNION
    SELECT edge.there AS claim_id
    FROM touched
    INNER JOIN (
        SELECT
            link.claim_id AS here,
            link.parent_claim_id AS there
        FROM warehouse.claim_link AS link
        UNION ALL
        SELECT
            link.parent_claim_id AS here,
            link.claim_id AS there
        FROM warehouse.claim_link AS link
    ) AS edge
        ON touched.claim_id = edge.here
),

ancestry AS (
    SELECT
        touched.claim_id,
        touched.claim_id AS ancestor_id
    FROM touched
    UNION
    SELECT
        ancestry.claim_id,
        link.parent_claim_id AS ancestor_id
    FROM ancestry
    INNER JOIN warehouse.claim_link AS link
        ON ancestry.ancestor_id = link.claim_id
)

SELECT
    ancestry.claim_id,
    -- Claims that point to each other in a circle have no first one: then the least id stands for the family.
    COALESCE(
        min(ancestry.ancestor_id) FILTER (WHERE link.claim_id IS NULL), min(ancestry.ancestor_id)
    ) AS claim_family_id
FROM ancestry
LEFT JOIN warehouse.claim_link AS link
    ON ancestry.ancestor_id = link.claim_id
GROUP BY ancestry.claim_id
