/**
 * Mengirim peristiwa ke gerbang Simpul dengan Node.js 18+, tanpa paket lain. / Sends events to a Simpul gateway.
 *
 *   SIMPUL_KEY_FILE=kunci.txt node kirim.mjs https://gerbang.contoh.invalid incident peristiwa.json
 *
 * Berkas memuat satu peristiwa atau daftar peristiwa (JSON). Tiap peristiwa harus punya event_id yang tetap: kirim ulang
 * dengan event_id yang sama tidak menggandakan apa pun. / The file holds one event or a list. Each needs an event_id of
 * its own that stays: sent again under the same one, nothing is doubled.
 *
 * Keluar / exits: 0 semua diterima, 1 ada yang ditolak, 2 salah pakai, 3 gerbang tidak menjawab (jalankan lagi nanti).
 */
import { readFile } from 'node:fs/promises';

const SEKALI = 100; // dalam satu permintaan / in one request
const PERCOBAAN = 6;
const JAWAB_MS = 60_000;
const jeda = (ms) => new Promise((lanjut) => setTimeout(lanjut, ms));

/** Mengirim satu kelompok; mengembalikan hasil tiap peristiwa, atau null bila gerbang tidak menjawab. */
export async function kirimKelompok(alamat, kunci, jenis, kelompok, jedaAwalMs = 1000) {
  for (let ke = 0; ke < PERCOBAAN; ke += 1) {
    let tunggu = jedaAwalMs * 2 ** ke;
    try {
      const jawaban = await fetch(`${alamat}/v1/events/${jenis}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${kunci}`, 'content-type': 'application/json', 'accept-language': 'id' },
        body: JSON.stringify(kelompok),
        signal: AbortSignal.timeout(JAWAB_MS),
      });
      if ([201, 207, 422].includes(jawaban.status)) return (await jawaban.json()).results;
      if (![408, 429].includes(jawaban.status) && jawaban.status < 500) {
        // Mengulang tidak menolong: permintaan atau kunci salah. / Repeating does not help.
        throw new Error(`gerbang menjawab ${jawaban.status}: ${await jawaban.text()}`, { cause: 'permintaan' });
      }
      const diminta = Number(jawaban.headers.get('retry-after'));
      if (diminta > 0) tunggu = diminta * 1000;
    } catch (salah) {
      if (salah.cause === 'permintaan') throw salah;
      // Tidak tersambung atau terputus: belum tentu sampai, jadi kirim lagi. / Perhaps it arrived: send it again.
    }
    if (ke + 1 < PERCOBAAN) await jeda(tunggu);
  }
  return null;
}

/** Mengirim semua; mengembalikan jumlah dan yang ditolak dengan alasannya. */
export async function kirim(alamat, kunci, jenis, peristiwa, jedaAwalMs = 1000) {
  const hasil = { diterima: 0, ditolak: [], menunggu: 0 };
  for (let awal = 0; awal < peristiwa.length; awal += SEKALI) {
    const kelompok = peristiwa.slice(awal, awal + SEKALI);
    const jawaban = await kirimKelompok(alamat, kunci, jenis, kelompok, jedaAwalMs);
    if (jawaban === null) {
      hasil.menunggu = peristiwa.length - awal;
      break;
    }
    for (const satu of jawaban) {
      if (satu.status === 'refused') hasil.ditolak.push(satu);
      else hasil.diterima += 1; // accepted, duplicate
    }
  }
  return hasil;
}

if (process.argv[1]?.endsWith('kirim.mjs')) {
  const [alamat, jenis, berkas] = process.argv.slice(2);
  if (!berkas || !process.env.SIMPUL_KEY_FILE) {
    console.error('SIMPUL_KEY_FILE=kunci.txt node kirim.mjs https://gerbang jenis peristiwa.json');
    process.exit(2);
  }
  const kunci = (await readFile(process.env.SIMPUL_KEY_FILE, 'utf8')).trim();
  const isi = JSON.parse(await readFile(berkas, 'utf8'));
  const daftar = Array.isArray(isi) ? isi : [isi];
  if (daftar.some((satu) => !satu.event_id)) {
    console.error('Tiap peristiwa perlu event_id yang tetap. / Each event needs an event_id that stays.');
    process.exit(2);
  }
  const jedaAwalMs = Number(process.env.SIMPUL_JEDA_MS ?? 1000);
  try {
    const hasil = await kirim(alamat, kunci, jenis, daftar, jedaAwalMs);
    console.log(JSON.stringify(hasil));
    process.exitCode = hasil.menunggu ? 3 : hasil.ditolak.length ? 1 : 0;
  } catch (salah) {
    console.error(salah.message);
    process.exitCode = 2;
  }
}
