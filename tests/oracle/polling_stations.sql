-- What the figures must be, computed from the raw files alone. Shares nothing with the project but the region table.
-- Parameters are filled in by the test: {files} a list of CSV files, {regions} the region table.

CREATE TABLE raw AS
SELECT
    regexp_extract(filename, '[^/]*$')                                       AS file,
    split_part(provinsi, '-', 1)                                             AS prov,
    split_part(provinsi, '-', 1) || '.' || split_part(kabupaten_kota, '-', 1) || '.' || split_part(kecamatan, '-', 1)
                                                                             AS district,
    concat_ws('/', provinsi, kabupaten_kota, kecamatan, split_part(kelurahan_desa, '-', 1), tps)
                                                                             AS station,
    CAST("Time Stamp" AS TIMESTAMP)                                          AS stamp,
    CAST("Jumlah pemilih dalam DPT" AS INTEGER)                              AS registered,
    CAST("Jumlah pengguna hak pilih" AS INTEGER)                             AS turned_out,
    CAST("JUMLAH SELURUH SUARA SAH" AS INTEGER)                              AS valid,
    CAST("JUMLAH SUARA TIDAK SAH" AS INTEGER)                                AS invalid,
    CAST("JUMLAH SELURUH SUARA SAH DAN SUARA TIDAK SAH" AS INTEGER)          AS total,
    coalesce("Jumlah pemilih dalam DPT", "Jumlah pemilih dalam DPT L", "Jumlah pemilih dalam DPT P",
             "Jumlah pengguna hak pilih dalam DPT", "Jumlah pengguna hak pilih dalam DPT L",
             "Jumlah pengguna hak pilih dalam DPT P", "Jumlah pengguna hak pilih dalam DPTb",
             "Jumlah pengguna hak pilih dalam DPTb L", "Jumlah pengguna hak pilih dalam DPTb P",
             "Jumlah pengguna hak pilih dalam DPK", "Jumlah pengguna hak pilih dalam DPK L",
             "Jumlah pengguna hak pilih dalam DPK P", "Jumlah pengguna hak pilih", "Jumlah pengguna hak pilih L",
             "Jumlah pengguna hak pilih P", "JUMLAH SELURUH SUARA SAH", "JUMLAH SUARA TIDAK SAH",
             "JUMLAH SELURUH SUARA SAH DAN SUARA TIDAK SAH") IS NOT NULL     AS reported
FROM read_csv({files}, all_varchar = true, union_by_name = true, filename = true);

CREATE TABLE region AS SELECT code FROM read_csv('{regions}', all_varchar = true) WHERE level = 'district';

-- A row that breaks several rules is counted under the first of them.
CREATE TABLE judged AS
SELECT *,
    CASE
        WHEN district NOT IN (SELECT code FROM region) THEN 'region.unknown'
        WHEN registered > 1000                         THEN 'participation.registered_above_limit'
        WHEN 10 * turned_out > 12 * registered         THEN 'participation.turnout_above_limit'
        WHEN valid + invalid <> total                  THEN 'participation.votes_do_not_sum'
    END AS refused
FROM raw;

-- The same statement in several files, or twice in one, is one event.
CREATE TABLE accepted AS SELECT DISTINCT * EXCLUDE (file) FROM judged WHERE refused IS NULL;

CREATE TABLE newest AS
SELECT * FROM accepted QUALIFY row_number() OVER (PARTITION BY station ORDER BY stamp DESC) = 1;

CREATE TABLE placed AS
SELECT 'district' AS level, district AS region, * EXCLUDE (prov, district) FROM newest
UNION ALL SELECT 'regency', district[1:5], * EXCLUDE (prov, district) FROM newest
UNION ALL SELECT 'province', prov, * EXCLUDE (prov, district) FROM newest
UNION ALL SELECT 'nation', 'ID', * EXCLUDE (prov, district) FROM newest;

CREATE TABLE figures AS
SELECT
    level,
    region,
    count(*)                                                        AS stations,
    count(*) FILTER (WHERE reported)                                AS stations_reported,
    coalesce(sum(registered), 0)::BIGINT                            AS registered,
    coalesce(sum(turned_out), 0)::BIGINT                            AS turned_out,
    coalesce(sum(valid), 0)::BIGINT                                 AS valid,
    coalesce(sum(invalid), 0)::BIGINT                               AS invalid,
    coalesce(sum(registered) FILTER (WHERE turned_out IS NOT NULL), 0)::BIGINT AS rate_registered,
    coalesce(sum(turned_out) FILTER (WHERE registered IS NOT NULL), 0)::BIGINT AS rate_turned_out
FROM placed
GROUP BY level, region;
