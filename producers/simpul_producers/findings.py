"""What a probe of the link can find: every cause has a code, and in two languages what it is and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class Step(StrEnum):
    """The steps of a probe, in their order; each needs those before it."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    KAFKA = "kafka"
    LOGIN = "login"
    LISTENER = "listener"
    TOPIC = "topic"
    RECEIPTS = "receipts"
    REGISTRY = "registry"
    CONTRACT = "contract"


class Grade(StrEnum):
    """How a step ended."""

    OK = "ok"
    WARN = "warn"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step found: at which server or topic, what it is, and what to do about it.

    `code` is stable and empty where all is well; `detail` is what the other side or the system said.
    """

    step: Step
    grade: Grade
    where: str
    code: str
    message_id: str
    message_en: str
    remedy_id: str = ""
    remedy_en: str = ""
    detail: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "step": self.step.value,
            "grade": self.grade.value,
            "where": self.where,
            "code": self.code,
            "message": {"id": self.message_id, "en": self.message_en},
            "remedy": {"id": self.remedy_id, "en": self.remedy_en},
            "detail": self.detail,
        }


def fine(step: Step, where: str, message_id: str, message_en: str) -> Finding:
    """Return what is said of a step that went well."""
    return Finding(step, Grade.OK, where, "", message_id, message_en)


def found(code: str, where: str, detail: str = "", grade: Grade = Grade.FAILED, **values: object) -> Finding:
    """Return the finding of a code; `values` go into its texts."""
    one, two, three, four = (text.format(where=where, **values) for text in CAUSES[code])
    return Finding(Step(code.partition(".")[0]), grade, where, code, one, two, three, four, detail[:300])


#: Code: what it is in Indonesian and in English, what to do in Indonesian and in English.
CAUSES: Mapping[str, tuple[str, str, str, str]] = MappingProxyType(
    {
        "dns.unknown": (
            "Nama {where} tidak dikenal",
            "The name {where} is not known",
            "periksa ejaan kafka.bootstrap_servers dan DNS komputer ini",
            "check the spelling of kafka.bootstrap_servers and this machine's DNS",
        ),
        "dns.silent": (
            "DNS tidak menjawab untuk {where}",
            "DNS does not answer for {where}",
            "periksa jaringan dan server DNS komputer ini",
            "check the network and the DNS server of this machine",
        ),
        "tcp.refused": (
            "{where} menolak sambungan: tidak ada yang mendengarkan di sana",
            "{where} refuses the connection: nobody listens there",
            "periksa nomor port; di komputer sendiri jalankan 'simpul up'",
            "check the port; on your own machine run 'simpul up'",
        ),
        "tcp.timeout": (
            "Tidak ada jawaban dari {where}",
            "No answer from {where}",
            "biasanya dinding api atau VPN; minta admin jaringan membuka jalan ke alamat dan port itu",
            "mostly a firewall or the VPN; ask the network administrator to open that address and port",
        ),
        "tcp.no_route": (
            "Tidak ada rute ke {where}",
            "There is no route to {where}",
            "periksa kabel, Wi-Fi atau VPN komputer ini",
            "check cable, Wi-Fi or VPN of this machine",
        ),
        "tls.not_tls": (
            "{where} tidak berbicara TLS",
            "{where} does not speak TLS",
            "periksa port (port TLS biasanya lain), atau kafka.security",
            "check the port (that of TLS is mostly another one), or kafka.security",
        ),
        "tls.certificate_expired": (
            "Sertifikat {where} sudah kedaluwarsa",
            "The certificate of {where} has expired",
            "minta operator bus memperbaruinya; periksa juga tanggal komputer ini",
            "ask the operator of the bus to renew it; check this machine's date as well",
        ),
        "tls.certificate_not_yet_valid": (
            "Sertifikat {where} belum berlaku",
            "The certificate of {where} is not valid yet",
            "periksa tanggal dan jam komputer ini",
            "check date and time of this machine",
        ),
        "tls.other_host": (
            "Sertifikat {where} dibuat untuk nama lain",
            "The certificate of {where} is for another name",
            "pakai nama yang tertulis di sertifikat, atau minta operator menambahkan nama itu",
            "use the name that stands in the certificate, or ask the operator to add this one",
        ),
        "tls.unknown_ca": (
            "Penanda tangan sertifikat {where} tidak dikenal",
            "Who signed the certificate of {where} is not known",
            "isi kafka.ca_file dengan berkas CA dari operator",
            "set kafka.ca_file to the CA file that the operator gave",
        ),
        "tls.certificate_wanted": (
            "{where} meminta sertifikat klien",
            "{where} asks for a client certificate",
            "isi kafka.certificate_file dan kafka.key_file",
            "set kafka.certificate_file and kafka.key_file",
        ),
        "tls.client_certificate_refused": (
            "{where} menolak sertifikat kita",
            "{where} refuses our certificate",
            "minta sertifikat baru dari operator (mungkin kedaluwarsa atau dari CA lain)",
            "ask the operator for a new one (it may have expired, or be of another CA)",
        ),
        "tls.failed": (
            "TLS dengan {where} gagal",
            "TLS with {where} failed",
            "periksa port dan kafka.security; tunjukkan rincian ini kepada operator",
            "check the port and kafka.security; show this detail to the operator",
        ),
        "tls.expires_soon": (
            "Sertifikat {where} habis dalam {days} hari",
            "The certificate of {where} ends in {days} days",
            "minta operator bus memperbaruinya",
            "ask the operator of the bus to renew it",
        ),
        "tls.own_expires_soon": (
            "Sertifikat kita ({where}) habis dalam {days} hari",
            "Our own certificate ({where}) ends in {days} days",
            "minta yang baru dari operator bus sekarang",
            "ask the operator of the bus for a new one now",
        ),
        "kafka.not_kafka": (
            "{where} bukan Kafka",
            "{where} is no Kafka",
            "periksa alamat dan port; mungkin itu server web",
            "check address and port; this may be a web server",
        ),
        "kafka.wants_tls": (
            "{where} menuntut TLS",
            "{where} wants TLS",
            "isi kafka.security: SASL_SSL (atau SSL)",
            "set kafka.security: SASL_SSL (or SSL)",
        ),
        "kafka.closed": (
            "{where} menutup sambungan tanpa jawaban",
            "{where} closes the connection without an answer",
            "mungkin port itu menuntut TLS: isi kafka.security",
            "that port may want TLS: set kafka.security",
        ),
        "kafka.silent": (
            "{where} menerima sambungan tetapi tidak menjawab",
            "{where} takes the connection but does not answer",
            "broker macet atau bukan Kafka; mungkin port itu menuntut TLS; hubungi operator",
            "the broker hangs or is no Kafka; that port may want TLS; tell the operator",
        ),
        "kafka.too_old": (
            "Broker {where} terlalu tua",
            "The broker {where} is too old",
            "pakai Kafka 2.3 atau lebih baru",
            "use Kafka 2.3 or newer",
        ),
        "login.refused": (
            "Kredensial '{user}' ditolak oleh {where}",
            "{where} refuses the credential '{user}'",
            "kata sandi salah, atau kredensial sudah dicabut; minta yang baru dari operator",
            "the password is wrong, or the credential was revoked; ask the operator for a new one",
        ),
        "login.mechanism_unknown": (
            "{where} tidak mengenal cara masuk {mechanism}",
            "{where} does not know the mechanism {mechanism}",
            "isi kafka.mechanism dengan salah satu dari: {known}",
            "set kafka.mechanism to one of: {known}",
        ),
        "login.needed": (
            "{where} menuntut kredensial",
            "{where} asks for a login",
            "isi kafka.security: SASL_SSL, kafka.user dan kafka.password_file",
            "set kafka.security: SASL_SSL, kafka.user and kafka.password_file",
        ),
        "listener.unreachable": (
            "Broker menyebut alamat {where}, yang tidak terjangkau dari sini",
            "The broker names the address {where}, which cannot be reached from here",
            "operator harus membetulkan advertised.listeners, atau DNS dan dinding api di sini",
            "the operator has to mend advertised.listeners, or DNS and firewall here",
        ),
        "listener.none": (
            "Broker {where} tidak menyebut satu broker pun",
            "The broker {where} names no broker at all",
            "klaster belum siap; coba lagi sebentar, lalu hubungi operator",
            "the cluster is not ready; try again in a moment, then tell the operator",
        ),
        "topic.unknown": (
            "Topik {where} tidak ada",
            "The topic {where} does not exist",
            "minta operator membuatnya; di komputer sendiri jalankan 'simpul up'",
            "ask the operator to make it; on your own machine run 'simpul up'",
        ),
        "topic.no_leader": (
            "Topik {where} sedang tanpa pemimpin",
            "The topic {where} has no leader at the moment",
            "tunggu sebentar; bila tetap, hubungi operator",
            "wait a moment; if it stays so, tell the operator",
        ),
        "topic.not_allowed": (
            "Kredensial '{user}' tidak boleh menulis ke {where} (ACL)",
            "The credential '{user}' may not write to {where} (ACL)",
            "minta operator memberi hak WRITE untuk topik itu",
            "ask the operator for the right to WRITE to that topic",
        ),
        "receipts.not_readable": (
            "Kredensial '{user}' tidak boleh membaca tanda terima di {where} (ACL)",
            "The credential '{user}' may not read the receipts in {where} (ACL)",
            "mengirim tetap bisa; untuk melihat tanda terima minta hak READ",
            "sending works all the same; to see receipts ask for the right to READ",
        ),
        "registry.unreachable": (
            "Registri skema {where} tidak menjawab",
            "The schema registry {where} does not answer",
            "periksa registry.url dan jaringan",
            "check registry.url and the network",
        ),
        "registry.tls": (
            "TLS dengan registri skema {where} gagal",
            "TLS with the schema registry {where} failed",
            "isi registry.ca_file dengan berkas CA dari operator, dan periksa namanya",
            "set registry.ca_file to the CA file that the operator gave, and check the name",
        ),
        "registry.login": (
            "Registri skema {where} menolak kredensial",
            "The schema registry {where} refuses the credential",
            "periksa registry.user dan registry.password_file",
            "check registry.user and registry.password_file",
        ),
        "registry.not_registry": (
            "{where} bukan registri skema, atau sedang bermasalah",
            "{where} is no schema registry, or is in trouble",
            "periksa registry.url: sampai tepat sebelum /subjects",
            "check registry.url: up to just before /subjects",
        ),
        "contract.not_registered": (
            "Registri tidak memuat skema kontrak untuk {where}",
            "The registry does not hold the contract's schema for {where}",
            "minta operator menjalankan 'simpul schemas push', atau perbarui simpul di sini",
            "ask the operator to run 'simpul schemas push', or update simpul here",
        ),
    }
)
