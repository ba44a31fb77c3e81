-- Title:  Staged members as their rules see them: a column a rule, true where the row is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  staging.stg_member, etl.source_file
-- Values: none
SELECT
    'load ' || staged.load_id || ' record ' || staged.record_number AS failed_key,
    staged.sex_code,
    staged.relationship_code,
    staged.birth_date,
    staged.state_code,
    file.source_file_id IS NULL AS file_unknown,
    staged.zip_code !~ '^[0-9]{5}(-?[0-9]{4})?$' AS zip_code_malformed,
    staged.county_fips !~ '^[0-9]{5}$' AS county_fips_malformed,
    staged.member_id <> btrim(staged.member_id) OR staged.member_id = '' AS member_id_padded
FROM staging.stg_member AS staged
LEFT JOIN etl.source_file AS file
    ON staged.source_file_id = file.source_file_id
