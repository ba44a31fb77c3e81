-- Title:  Provider versions as their rules see them: a column a rule, true where the version is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  warehouse.dim_provider
-- Values: none
WITH versions AS (
    SELECT
        provider.*,
        lead(provider.start_date) OVER entity AS next_start_date,
        min(provider.npi) OVER entity <> max(provider.npi) OVER entity AS is_shared,
        count(*) OVER (PARTITION BY provider.npi, provider.start_date) > 1 AS is_doubled,
        count(*) OVER (PARTITION BY provider.provider_key) > 1 AS is_key_doubled,
        provider.npi ~ '^[12][0-9]{9}$' AS is_npi
    FROM warehouse.dim_provider AS provider
    WHERE provider.provider_key NOT IN (-1, -2)
    WINDOW
        entity AS (
            PARTITION BY provider.provider_durable_key
            ORDER BY provider.start_date
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
)

SELECT
    'npi ' || versions.npi || ' from ' || versions.start_date AS failed_key,
    versions.entity_type_code,
    versions.provider_type,
    versions.is_inferred AS unknown_provider,
    versions.next_start_date < versions.end_date AS versions_overlap,
    versions.start_date >= versions.end_date AS interval_inverted,
    versions.is_shared AS durable_key_shared,
    versions.is_doubled AS business_key_doubled,
    versions.is_key_doubled AS surrogate_key_doubled,
    versions.row_hash IS NULL AND NOT versions.is_inferred AS hash_missing,
    NOT versions.is_npi AS npi_malformed,
    -- Luhn with the prefix 80840, which adds 24: every other digit is doubled, and 9 taken off what exceeds it.
    versions.is_npi AND (
        SELECT
            sum(
                CASE
                    WHEN place % 2 = 1
                        THEN translate(substr(versions.npi, place, 1), '0123456789', '0246813579')::integer
                    ELSE substr(versions.npi, place, 1)::integer
                END
            )
        FROM generate_series(1, 10) AS digits (place)
    ) % 10 <> 6 AS npi_check_digit,
    versions.taxonomy_code !~ '^[0-9A-Z]{9}X$' AS taxonomy_malformed,
    NOT versions.is_inferred AND versions.taxonomy_code IS NULL AS taxonomy_missing,
    versions.entity_type_code = '1' AND versions.provider_type IN ('facility', 'pharmacy', 'lab')
        AS person_as_organization,
    versions.zip_code !~ '^[0-9]{5}(-?[0-9]{4})?$' AS zip_code_malformed
FROM versions
