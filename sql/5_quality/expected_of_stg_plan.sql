-- Title:  Staged plans as their rules see them: a column a rule, true where the row is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  staging.stg_plan, etl.source_file
-- Values: none
SELECT
    'load ' || staged.load_id || ' record ' || staged.record_number AS failed_key,
    staged.metal_level,
    file.source_file_id IS NULL AS file_unknown,
    staged.plan_id !~ '^[0-9]{5}[A-Z]{2}[0-9]{7}-[0-9]{2}$' AS hios_id_malformed
FROM staging.stg_plan AS staged
LEFT JOIN etl.source_file AS file
    ON staged.source_file_id = file.source_file_id
