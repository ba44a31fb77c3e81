-- Title:  Providers that claims name before any provider file does
-- Fills:  warehouse.dim_provider: an inferred row with the business key only, filled in place later
-- Reads:  staging.stg_claim, warehouse.dim_provider
-- Values: :claims (the loads whose file of the feed is applied)
INSERT INTO warehouse.dim_provider (
    provider_durable_key, provider_key, npi, start_date, first_observed_date, is_inferred, load_id, load_timestamp
)
WITH named AS (
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
)

SELECT
    etl.computed_key(octet_length(named.npi) || ':' || named.npi) AS provider_durable_key,
    etl.computed_key(octet_length(named.npi) || ':' || named.npi || ',10:1900-01-01') AS provider_key,
    named.npi,
    DATE '1900-01-01' AS start_date,
    DATE '1900-01-01' AS first_observed_date,
    TRUE AS is_inferred,
    named.load_id,
    named.load_timestamp
FROM named
LEFT JOIN warehouse.dim_provider AS provider
    ON named.npi = provider.npi
WHERE provider.npi IS NULL
