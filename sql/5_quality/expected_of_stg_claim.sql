-- Title:  Staged claim lines as their rules see them: a column a rule, true where the row is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  staging.stg_claim, etl.source_file
-- Values: none
SELECT
    'load ' || staged.load_id || ' record ' || staged.record_number AS failed_key,
    staged.claim_type,
    staged.received_date,
    staged.rendering_npi,
    staged.billing_npi,
    file.source_file_id IS NULL AS file_unknown,
    staged.received_date > file.as_of AS received_in_the_future,
    staged.claim_frequency_code <> '1' AND staged.original_claim_id IS NULL AND staged.claim_version_number = 1
        AS replaces_nothing
FROM staging.stg_claim AS staged
LEFT JOIN etl.source_file AS file
    ON staged.source_file_id = file.source_file_id
