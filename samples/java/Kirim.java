import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Mengirim peristiwa ke gerbang Simpul dengan Java 11+, tanpa pustaka lain. / Sends events to a Simpul gateway with
 * Java 11 or newer and no library.
 *
 * <pre>SIMPUL_KEY_FILE=kunci.txt java Kirim.java https://gerbang.contoh.invalid incident peristiwa.json</pre>
 *
 * Berkas memuat satu peristiwa atau daftar (JSON), paling banyak 500; tiap peristiwa dengan event_id yang tetap, supaya
 * kirim ulang tidak menggandakan apa pun. / The file holds one event or a list of at most 500, each with an event_id
 * that stays, so that sending again doubles nothing.
 *
 * Keluar / exits: 0 semua diterima, 1 ada yang ditolak, 2 salah pakai, 3 gerbang tidak menjawab (jalankan lagi nanti).
 */
public final class Kirim {
    private static final int PERCOBAAN = 6;
    private static final Duration SAMBUNG = Duration.ofSeconds(10);
    private static final Duration JAWAB = Duration.ofSeconds(60);

    private final HttpClient klien = HttpClient.newBuilder().connectTimeout(SAMBUNG).build();
    private final URI alamat;
    private final String kunci;
    private final long jedaMs;

    public Kirim(String gerbang, String jenis, String kunci, long jedaMs) {
        this.alamat = URI.create(gerbang + "/v1/events/" + jenis);
        this.kunci = kunci;
        this.jedaMs = jedaMs;
    }

    /** Jawaban gerbang yang pasti (201, 207, 422 atau kesalahan permintaan); null bila tetap tidak menjawab. */
    public HttpResponse<String> kirim(String json) throws InterruptedException {
        HttpRequest permintaan = HttpRequest.newBuilder(alamat)
                .timeout(JAWAB)
                .header("Authorization", "Bearer " + kunci)
                .header("Content-Type", "application/json")
                .header("Accept-Language", "id")
                .POST(HttpRequest.BodyPublishers.ofString(json))
                .build();
        for (int ke = 0; ke < PERCOBAAN; ke++) {
            long tunggu = jedaMs << ke;
            try {
                HttpResponse<String> jawaban = klien.send(permintaan, HttpResponse.BodyHandlers.ofString());
                int status = jawaban.statusCode();
                if (status < 500 && status != 408 && status != 429) {
                    return jawaban;
                }
                tunggu = jawaban.headers().firstValueAsLong("Retry-After").orElse(0) * 1000 > 0
                        ? jawaban.headers().firstValueAsLong("Retry-After").getAsLong() * 1000
                        : tunggu;
            } catch (IOException terputus) {
                // Belum tentu sampai, jadi kirim lagi. / Perhaps it arrived: send it again.
            }
            if (ke + 1 < PERCOBAAN) {
                Thread.sleep(tunggu);
            }
        }
        return null;
    }

    public static void main(String[] isi) throws Exception {
        String berkasKunci = System.getenv("SIMPUL_KEY_FILE");
        if (isi.length != 3 || berkasKunci == null) {
            System.err.println("SIMPUL_KEY_FILE=kunci.txt java Kirim.java https://gerbang jenis peristiwa.json");
            System.exit(2);
        }
        String kunci = Files.readString(Path.of(berkasKunci)).trim();
        String json = Files.readString(Path.of(isi[2]));
        if (!json.contains("\"event_id\"")) {
            System.err.println("Tiap peristiwa perlu event_id yang tetap. / Each event needs an event_id that stays.");
            System.exit(2);
        }
        String jeda = System.getenv().getOrDefault("SIMPUL_JEDA_MS", "1000");
        HttpResponse<String> jawaban = new Kirim(isi[0], isi[1], kunci, Long.parseLong(jeda)).kirim(json);
        if (jawaban == null) {
            System.err.println("Gerbang tidak menjawab; jalankan lagi nanti. / The gateway does not answer.");
            System.exit(3);
        }
        // Satu hasil untuk tiap peristiwa, dalam urutan kiriman. / One result for each event, in the order sent.
        System.out.println(jawaban.body());
        System.exit(jawaban.statusCode() == 201 ? 0 : jawaban.statusCode() == 207 || jawaban.statusCode() == 422 ? 1 : 2);
    }
}
