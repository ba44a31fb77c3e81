-- Title:  Providers that claims name before any provider file does
-- Fills:  warehouse.dim_provider: an inferred row with the business key only, filled in place later
-- Reads:  work_named_provider
-- Values: none
INSERT INTO warehouse.dim_provider (
    provider_durable_key, provider_key, npi, start_date, first_observed_date, is_inferred, load_id, load_timestamp
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
FROM work_named_provider AS named
