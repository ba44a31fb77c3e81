-- Title:  Staged providers as their rules see them: a column a rule, true where the row is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  staging.stg_provider, etl.source_file
-- Values: none
SELECT
    'load ' || staged.load_id || ' record ' || staged.record_number AS failed_key,
    staged.taxonomy_code,
    staged.provider_type,
    file.source_file_id IS NULL AS file_unknown,
    staged.npi !~ '^[12][0-9]{9}$' AS npi_malformed
FROM staging.stg_provider AS staged
LEFT JOIN etl.source_file AS file
    ON staged.source_file_id = file.source_file_id
