-- What the demo must find, computed from the raw files alone. Shares nothing with the project but the region table.
-- The caller sets the variables `files` (a list of CSV files) and `regions` (the region table).

-- A count is digits or nothing, a code so many digits before a dash; on anything else this referee has no verdict.
CREATE MACRO a_count(cell) AS
    CASE WHEN cell IS NULL OR regexp_full_match(cell, '[0-9]{1,9}') THEN CAST(cell AS BIGINT)
         ELSE error('no count: ' || cell) END;
CREATE MACRO a_code(cell, digits) AS
    CASE WHEN regexp_matches(cell, '^[0-9]{' || digits || '}-') THEN split_part(cell, '-', 1)
         ELSE error('no code: ' || coalesce(cell, 'nothing')) END;
CREATE MACRO a_key(name) AS regexp_replace(lower(name), '[^a-z0-9]', '', 'g');
CREATE MACRO a_moment(cell) AS coalesce(CAST(cell AS TIMESTAMP), error('no time stamp'));

-- Kepmendagri 2025. In Papua Barat Daya (96) KPU wrote kecamatan by interim codes, so there they go by their names;
-- everywhere else KPU's codes are Kemendagri's.
CREATE TABLE region AS
SELECT code, level, a_key(name) AS key FROM read_csv(getvariable('regions'), header = true, all_varchar = true);
-- Two kecamatan exchanged their names in 2025: which one is meant, a name cannot tell.
CREATE TABLE exchanged AS SELECT unnest(['ayau', 'kepulauanayau']) AS key;

CREATE TABLE raw AS
SELECT
    a_code(provinsi, 2) || '.' || a_code(kabupaten_kota, 2)            AS regency,
    a_code(kecamatan, 2)                                               AS district_digits,
    a_key(kecamatan[4:])                                               AS district_key,
    a_code(kelurahan_desa, 4)                                          AS village,
    a_code(tps, 3)                                                     AS station,
    a_moment("Time Stamp")                                             AS stamp,
    a_count("Jumlah pemilih dalam DPT")                                AS registered,
    a_count("Jumlah pengguna hak pilih")                               AS turned_out,
    a_count("JUMLAH SELURUH SUARA SAH")                                AS valid,
    a_count("JUMLAH SUARA TIDAK SAH")                                  AS invalid,
    a_count("JUMLAH SELURUH SUARA SAH DAN SUARA TIDAK SAH")            AS total,
    [
        a_count("Jumlah pemilih dalam DPT L"),             a_count("Jumlah pemilih dalam DPT P"),
        a_count("Jumlah pengguna hak pilih dalam DPT"),
        a_count("Jumlah pengguna hak pilih dalam DPT L"),  a_count("Jumlah pengguna hak pilih dalam DPT P"),
        a_count("Jumlah pengguna hak pilih dalam DPTb"),
        a_count("Jumlah pengguna hak pilih dalam DPTb L"), a_count("Jumlah pengguna hak pilih dalam DPTb P"),
        a_count("Jumlah pengguna hak pilih dalam DPK"),
        a_count("Jumlah pengguna hak pilih dalam DPK L"),  a_count("Jumlah pengguna hak pilih dalam DPK P"),
        a_count("Jumlah pengguna hak pilih L"),            a_count("Jumlah pengguna hak pilih P")
    ]                                                                  AS others
FROM read_csv(
    getvariable('files'), header = true, delim = ',', quote = '"', all_varchar = true, union_by_name = true
);

CREATE TABLE located AS
SELECT
    raw.* EXCLUDE (district_digits),
    CASE WHEN regency[1:2] <> '96' THEN (SELECT code FROM region WHERE code = regency || '.' || district_digits)
         WHEN district_key NOT IN (SELECT key FROM exchanged)
         THEN (SELECT code FROM region WHERE level = 'district' AND code[1:5] = regency AND key = district_key)
    END AS district
FROM raw;

-- A row that breaks several rules is counted under the first of them.
CREATE TABLE judged AS
SELECT *,
    CASE
        WHEN regency NOT IN (SELECT code FROM region) THEN 'import.region_unknown_code'
        WHEN regency[1:2] = '96' AND district_key IN (SELECT key FROM exchanged) THEN 'import.region_ambiguous'
        WHEN district IS NULL                          THEN 'import.region_unknown_name'
        WHEN registered > 1000                         THEN 'participation.registered_above_limit'
        WHEN 10 * turned_out > 12 * registered         THEN 'participation.turnout_above_limit'
        WHEN valid + invalid <> total                  THEN 'participation.votes_do_not_sum'
    END AS refused
FROM located;

-- The same statement in several files, or twice in one, is one event.
CREATE TABLE accepted AS SELECT DISTINCT * EXCLUDE (refused, regency, district_key) FROM judged WHERE refused IS NULL;

-- Two statements of one moment that differ: which of them wins, this referee cannot say.
CREATE TABLE undecided AS
SELECT district, village, station, stamp FROM accepted GROUP BY ALL HAVING count(*) > 1;

CREATE TABLE newest AS
SELECT *, coalesce(registered, turned_out, valid, invalid, total) IS NOT NULL OR list_count(others) > 0 AS reported
FROM accepted
QUALIFY row_number() OVER (PARTITION BY district, village, station ORDER BY stamp DESC) = 1;

CREATE TABLE placed AS
SELECT 'district' AS level, district AS region, * EXCLUDE (district) FROM newest
UNION ALL SELECT 'regency', district[1:5], * EXCLUDE (district) FROM newest
UNION ALL SELECT 'province', district[1:2], * EXCLUDE (district) FROM newest
UNION ALL SELECT 'nation', 'ID', * EXCLUDE (district) FROM newest;

CREATE TABLE figures AS
SELECT
    level,
    region,
    count(*)                                                                   AS stations,
    count(*) FILTER (WHERE reported)                                           AS stations_reported,
    coalesce(sum(registered), 0)::BIGINT                                       AS registered,
    coalesce(sum(turned_out), 0)::BIGINT                                       AS turned_out,
    coalesce(sum(valid), 0)::BIGINT                                            AS valid,
    coalesce(sum(invalid), 0)::BIGINT                                          AS invalid,
    coalesce(sum(registered) FILTER (WHERE turned_out IS NOT NULL), 0)::BIGINT AS rate_registered,
    coalesce(sum(turned_out) FILTER (WHERE registered IS NOT NULL), 0)::BIGINT AS rate_turned_out
FROM placed
GROUP BY level, region;
