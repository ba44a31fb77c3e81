-- Title:  Providers that claims name
-- Fills:  work_named_provider, one row per provider and the load that named it first
-- Reads:  staging.stg_claim
-- Values: :claims (the loads whose file of the feed is applied)
CREATE TEMPORARY TABLE work_named_provider ON COMMIT DROP AS
SELECT
    either.npi,
    min(claim.load_id) AS load_id,
    min(claim.load_timestamp) AS load_timestamp
FROM (
    SELECT
        claim.rendering_npi,
        claim.billing_npi,
        min(claim.load_id) AS load_id,
        min(claim.load_timestamp) AS load_timestamp
    FROM staging.stg_claim AS claim
    WHERE claim.load_id = ANY(:claims)
    GROUP BY claim.rendering_npi, claim.billing_npi
) AS claim
CROSS JOIN LATERAL (VALUES (claim.rendering_npi), (claim.billing_npi)) AS either (npi)
WHERE either.npi IS NOT NULL
GROUP BY either.npi
