#!/bin/sh
# Mengirim satu peristiwa uji (mode TEST, tidak dihitung) ke gerbang Simpul dan menanyakan nasibnya.
# Sends one TEST event, which is never counted, to a Simpul gateway and asks what became of it.
#
#   SIMPUL_KEY_FILE=kunci.txt ./kirim.sh https://gerbang.contoh.invalid
#
# Wilayah dan sistem pengirim diambil dari kunci. / Region and publishing system come from the key.
set -eu
gateway=${1:?Pakai / usage: SIMPUL_KEY_FILE=BERKAS kirim.sh https://GERBANG}

# Kunci masuk lewat stdin (-K -), bukan baris perintah, yang terlihat oleh semua proses.
# The key goes in by stdin (-K -), not by the command line, which every process can see.
ask() {
  printf 'header = "Authorization: Bearer %s"\n' "$(cat "$SIMPUL_KEY_FILE")" |
    curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused --max-time 60 -K - "$@"
  echo
}

# Pengenal dibuat sekali; mengulang dengan pengenal yang sama tidak menggandakan apa pun.
# The id is made once; sending again under the same id doubles nothing.
id=$(cat /proc/sys/kernel/random/uuid)
ask -H 'Content-Type: application/json' "$gateway/v1/events/incident" --data-raw "{
  \"event_id\": \"$id\",
  \"subject\": \"uji:curl:$id\",
  \"occurred_at\": \"2026-03-28T16:30:00+08:00\",
  \"mode\": \"TEST\",
  \"kind\": \"DISASTER\",
  \"category\": \"banjir\",
  \"severity\": \"MINOR\",
  \"verification\": \"UNVERIFIED\",
  \"time_precision\": \"MINUTE\",
  \"displaced\": 120
}"
ask "$gateway/v1/events/$id"
