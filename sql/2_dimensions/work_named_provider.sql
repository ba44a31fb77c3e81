-- Title:  Providers that claims name and dim_provider does not know
-- Fills:  work_named_provider, one row per provider and the load that named it first
-- Reads:  staging.stg_claim, warehouse.dim_provider
-- Values: :claims (the loads whose file of the feed is applied)
CREATE TEMPORARY TABLE work_named_provider ON COMMIT DROP AS
SELECT
    either.npi,
    min(either.load_id) AS load_id,
    min(either.load_timestamp) AS load_timestamp
FROM (
    SELECT
        claim.rendering_npi AS npi,
        min(claim.load_id) AS load_id,
        min(claim.load_timestamp) AS load_timestamp
    FROM staging.stg_claim AS claim
    LEFT JOIN warehouse.dim_provider AS known
        ON claim.rendering_npi = known.npi
    WHERE claim.load_id = ANY(:claims) AND claim.rendering_npi IS NOT NULL AND known.npi IS NULL
    GROUP BY claim.rendering_npi
    UNION ALL
    SELECT
        claim.billing_npi AS npi,
        min(claim.load_id) AS load_id,
        min(claim.load_timestamp) AS load_timestamp
    FROM staging.stg_claim AS claim
    LEFT JOIN warehouse.dim_provider AS known
        ON claim.billing_npi = known.npi
    WHERE claim.load_id = ANY(:claims) AND claim.billing_npi IS NOT NULL AND known.npi IS NULL
    GROUP BY claim.billing_npi
) AS either
GROUP BY either.npi
