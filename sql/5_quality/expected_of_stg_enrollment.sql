-- Title:  Staged enrollments as their rules see them: a column a rule, true where the row is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  staging.stg_enrollment, etl.source_file
-- Values: none
SELECT
    'load ' || staged.load_id || ' record ' || staged.record_number AS failed_key,
    staged.gross_premium_amount,
    staged.aptc_amount,
    staged.maintenance_type_code,
    file.source_file_id IS NULL AS file_unknown,
    staged.transaction_date > file.as_of AS recorded_in_the_future
FROM staging.stg_enrollment AS staged
LEFT JOIN etl.source_file AS file
    ON staged.source_file_id = file.source_file_id
