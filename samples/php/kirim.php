<?php
/**
 * Mengirim peristiwa ke gerbang Simpul, hanya dengan PHP dan curl. / Sends events to a Simpul gateway, with PHP and
 * curl only.
 *
 * Satu berkas untuk disalin ke aplikasi Anda. / One file to copy into your application:
 *
 *   require 'kirim.php';
 *   $kirim = new Kirim('https://gerbang.contoh.invalid', getenv('SIMPUL_KEY'), '/var/lib/aplikasi/keluar');
 *   $kirim->simpan('incident', ['subject' => 'kejadian:2026-0014', 'occurred_at' => '2026-03-28T16:30:00+08:00', ...]);
 *   $kirim->kirim();
 *
 * `simpan` menulis peristiwa ke folder keluar lebih dulu, jadi tidak ada yang hilang bila gerbang tidak terjangkau.
 * `kirim` mengirim isi folder itu; yang diterima dihapus, yang ditolak dipindah ke `ditolak/` beserta alasannya, yang
 * lain tetap menunggu. / `simpan` writes an event to the outgoing folder first, so nothing is lost while the gateway
 * is away. `kirim` sends what the folder holds: what was accepted is deleted, what was refused moves to `ditolak/`
 * with the reason, the rest goes on waiting.
 *
 * Dari cron / from cron:  SIMPUL_KEY_FILE=/etc/simpul.key php kirim.php https://gerbang.contoh.invalid FOLDER
 * Keluar / exits: 0 semua terkirim, 1 ada yang ditolak, 3 gerbang tidak menjawab (yang tersisa aman di folder).
 */

declare(strict_types=1);

final class Kirim
{
    /** Sekali kirim; gerbang menerima paling banyak 500. / In one request; a gateway takes at most 500. */
    private const SEKALI = 100;
    private const SAMBUNG_DETIK = 10;
    private const JAWAB_DETIK = 60;

    public function __construct(
        private string $alamat,
        private string $kunci,
        private string $folder,
        private int $percobaan = 5,
        private float $jedaDetik = 1.0,
    ) {
        foreach ([$folder, "$folder/ditolak"] as $satu) {
            if (!is_dir($satu) && !mkdir($satu, 0700, true) && !is_dir($satu)) {
                throw new RuntimeException("Folder $satu tidak dapat dibuat.");
            }
        }
    }

    /** Menyimpan satu peristiwa di folder keluar; baru sesudah ini ia aman. Mengembalikan pengenalnya. */
    public function simpan(string $jenis, array $peristiwa): string
    {
        // Pengenal dibuat sekali di sini: kirim ulang dengan pengenal yang sama tidak menggandakan apa pun.
        $peristiwa += ['event_id' => self::uuid7()];
        $isi = json_encode($peristiwa, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION);
        // Nama berkas menjaga urutan: waktu, lalu hitungan di dalam proses ini.
        static $ke = 0;
        $nama = sprintf('%s/%020d-%06d-%05d.%s.json', $this->folder, hrtime(true) + self::geser(), $ke++, getmypid() % 100000, $jenis);
        // Ditulis di bawah nama sementara dan dinamai sesudah utuh di disk: pembaca tidak pernah melihat setengahnya.
        $berkas = fopen("$nama.tmp", 'xb');
        if ($berkas === false || fwrite($berkas, $isi) !== strlen($isi) || !fflush($berkas) || !fsync($berkas)) {
            throw new RuntimeException("Peristiwa tidak dapat ditulis ke $this->folder; periksa disk.");
        }
        fclose($berkas);
        rename("$nama.tmp", $nama);
        return $peristiwa['event_id'];
    }

    /** Mengirim isi folder keluar. Mengembalikan jumlah yang diterima, ditolak, dan masih menunggu. */
    public function kirim(): array
    {
        $hasil = ['diterima' => 0, 'ditolak' => 0, 'menunggu' => 0];
        // Satu pengirim saja, supaya urutan terjaga. / One sender only, so that order is kept.
        $gembok = fopen("$this->folder/.gembok", 'c');
        if ($gembok === false || !flock($gembok, LOCK_EX | LOCK_NB)) {
            throw new RuntimeException("Proses lain sedang mengirim dari $this->folder.");
        }
        foreach ($this->kelompok() as [$jenis, $berkas]) {
            if (!$this->kirimKelompok($jenis, $berkas, $hasil)) {
                break;
            }
        }
        $hasil['menunggu'] = count($this->berkas());
        return $hasil;
    }

    /** Kelompok berurutan dari jenis yang sama. / Runs of files of the same type, in order. */
    private function kelompok(): array
    {
        $kelompok = [];
        foreach ($this->berkas() as $nama) {
            $jenis = explode('.', basename($nama))[1];
            $akhir = count($kelompok) - 1;
            if ($akhir >= 0 && $kelompok[$akhir][0] === $jenis && count($kelompok[$akhir][1]) < self::SEKALI) {
                $kelompok[$akhir][1][] = $nama;
            } else {
                $kelompok[] = [$jenis, [$nama]];
            }
        }
        return $kelompok;
    }

    private function berkas(): array
    {
        $nama = glob("$this->folder/*.json") ?: [];
        sort($nama, SORT_STRING);
        return $nama;
    }

    /** Mengirim satu kelompok sampai tiap butir dijawab; false bila gerbang tidak terjangkau. */
    private function kirimKelompok(string $jenis, array $berkas, array &$hasil): bool
    {
        for ($ke = 1; $berkas !== []; $ke++) {
            $isi = '[' . implode(',', array_map('file_get_contents', $berkas)) . ']';
            [$status, $jawaban, $tunggu] = $this->minta("/v1/events/$jenis", $isi);
            if (isset($jawaban['results'])) {
                // Satu jawaban tiap peristiwa: hanya yang belum beres yang tinggal. / Only what is not settled stays.
                $berkas = $this->bereskan($berkas, $jawaban['results'], $hasil);
                continue;
            }
            if ($status === 413 && count($berkas) > 1) {
                // Terlalu besar untuk sekali kirim: bagi dua, urutannya tetap.
                $tengah = intdiv(count($berkas) + 1, 2);
                return $this->kirimKelompok($jenis, array_slice($berkas, 0, $tengah), $hasil)
                    && $this->kirimKelompok($jenis, array_slice($berkas, $tengah), $hasil);
            }
            $sementara = $status === 0 || $status === 408 || $status === 429 || $status >= 500;
            if (!$sementara || $ke >= $this->percobaan) {
                fwrite(STDERR, sprintf("%s (%d)\n", $jawaban['detail'] ?? 'Gerbang tidak menjawab.', $status));
                return false;
            }
            // Jeda berlipat dua, dengan acak supaya tidak semua daerah kembali bersamaan; gerbang boleh meminta lebih.
            $jeda = $this->jedaDetik * (2 ** ($ke - 1)) * (0.5 + mt_rand() / mt_getrandmax());
            usleep((int) (max($jeda, $tunggu) * 1_000_000));
        }
        return true;
    }

    private function bereskan(array $berkas, array $jawaban, array &$hasil): array
    {
        $sisa = [];
        foreach ($berkas as $ke => $nama) {
            $satu = $jawaban[$ke] ?? null;
            if ($satu === null) {
                $sisa[] = $nama;
            } elseif ($satu['status'] === 'refused') {
                file_put_contents("$this->folder/ditolak/" . basename($nama) . '.alasan', json_encode($satu, JSON_UNESCAPED_UNICODE | JSON_PRETTY_PRINT));
                rename($nama, "$this->folder/ditolak/" . basename($nama));
                $hasil['ditolak']++;
            } else {
                unlink($nama);
                $hasil['diterima']++;
            }
        }
        return $sisa;
    }

    /** Satu permintaan: status (0 bila tidak tersambung), jawaban, dan berapa detik gerbang minta ditunggu. */
    private function minta(string $jalur, string $isi): array
    {
        $tunggu = 0.0;
        $curl = curl_init($this->alamat . $jalur);
        curl_setopt_array($curl, [
            CURLOPT_POST => true,
            CURLOPT_POSTFIELDS => $isi,
            CURLOPT_HTTPHEADER => [
                'Content-Type: application/json',
                'Accept-Language: id',
                'Authorization: Bearer ' . $this->kunci,
            ],
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_CONNECTTIMEOUT => self::SAMBUNG_DETIK,
            CURLOPT_TIMEOUT => self::JAWAB_DETIK,
            CURLOPT_HEADERFUNCTION => function ($_, string $baris) use (&$tunggu): int {
                if (preg_match('/^retry-after:\s*(\d+)/i', $baris, $cocok)) {
                    $tunggu = (float) $cocok[1];
                }
                return strlen($baris);
            },
        ]);
        $teks = curl_exec($curl);
        $status = (int) curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        $jawaban = is_string($teks) ? json_decode($teks, true) : null;
        return [is_array($jawaban) ? $status : ($status >= 400 ? $status : 0), is_array($jawaban) ? $jawaban : [], $tunggu];
    }

    /** UUIDv7: 48 bit waktu, sisanya acak. */
    private static function uuid7(): string
    {
        $waktu = substr(pack('J', (int) (microtime(true) * 1000)), 2);
        $bita = $waktu . random_bytes(10);
        $bita[6] = chr((ord($bita[6]) & 0x0f) | 0x70);
        $bita[8] = chr((ord($bita[8]) & 0x3f) | 0x80);
        return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($bita), 4));
    }

    /** Selisih antara jam mesin dan jam yang tidak pernah mundur, sekali tiap proses. */
    private static function geser(): int
    {
        static $geser = null;
        return $geser ??= (int) (microtime(true) * 1_000_000) * 1000 - hrtime(true);
    }
}

// Dijalankan langsung, bukan disertakan oleh aplikasi. / Run by itself, not included by an application.
if (PHP_SAPI === 'cli' && realpath($argv[0]) === __FILE__) {
    if ($argc !== 3) {
        fwrite(STDERR, "Pakai / usage: SIMPUL_KEY_FILE=BERKAS php kirim.php https://GERBANG FOLDER\n");
        exit(2);
    }
    $berkas = getenv('SIMPUL_KEY_FILE');
    $kunci = $berkas === false ? (string) getenv('SIMPUL_KEY') : trim((string) file_get_contents($berkas));
    try {
        $hasil = (new Kirim(rtrim($argv[1], '/'), $kunci, rtrim($argv[2], '/')))->kirim();
    } catch (RuntimeException $salah) {
        fwrite(STDERR, $salah->getMessage() . "\n");
        exit(4);
    }
    echo json_encode($hasil), "\n";
    exit($hasil['menunggu'] > 0 ? 3 : ($hasil['ditolak'] > 0 ? 1 : 0));
}
