"""`simpul connect`: from nothing to the first receipt.

It asks what is missing (on a terminal only), probes the way step by step, publishes one TEST event, waits for its
receipt, writes a settings file without a secret in it, and says what to do next.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
import yaml

from simpul_producers.errors import LinkBroken
from simpul_producers.findings import Finding, Grade
from simpul_producers.link import open_publisher
from simpul_producers.probe import first_failure, probe_link
from simpul_producers.publisher import Draft
from simpul_producers.receipts import EventReceipt, Standing
from simpul_producers.show import progress_bar
from simpul_schemas.contract import EVENT_TYPES, event_type
from simpul_schemas.errors import SettingsError
from simpul_schemas.events.envelope import Mode
from simpul_schemas.link_settings import KafkaSettings, Mechanism, PublisherSettings, RegistrySettings, Security
from simpul_schemas.regions import load_regions, province_of
from simpul_schemas.settings import Settings, load_settings
from simpul_schemas.stdout import print_json
from simpul_schemas.topics import event_topic, receipt_topic

TEST_TYPE = "report"
_MARKS = {Grade.OK: "ok  ", Grade.WARN: "!   ", Grade.FAILED: "GAGAL"}
#: The event was published, and no receipt came in time.
_EXIT_PARTIAL = 4
_FILE = Path("simpul.yaml")

AsJson = Annotated[bool, typer.Option("--json", help="Hasil sebagai JSON. / The result as JSON.")]


#: Asks a question on the terminal; `hidden=True` for a secret.
_Ask: TypeAlias = Callable[..., str]


@dataclass(slots=True)
class Connected:
    """What came of it, as `--json` shows it."""

    region: str
    source: str
    findings: list[Finding] = field(default_factory=list)
    receipt: EventReceipt | None = None
    settings_file: str | None = None

    @property
    def exit_code(self) -> int:
        """0 with an accepted test event (or a probe alone), 1 where it was refused, 3 broken, 4 without a receipt."""
        if first_failure(self.findings) is not None:
            return 3
        if self.receipt is None or self.receipt.standing in {Standing.ACCEPTED, Standing.SUPERSEDED}:
            return 0
        return 1 if self.receipt.final else _EXIT_PARTIAL

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "region": self.region,
            "source": self.source,
            "steps": [finding.document() for finding in self.findings],
            "receipt": self.receipt.document() if self.receipt else None,
            "settings_file": self.settings_file,
        }


def connect(  # noqa: PLR0913, PLR0917  # typer makes an option of each argument
    region: Annotated[str, typer.Option(help="Kode Kemendagri, misalnya 53.13. / Canonical code.")] = "",
    system: Annotated[str, typer.Option(help="Nama sistem pengirim. / Name of the publishing system.")] = "",
    broker: Annotated[str, typer.Option(help="Alamat broker, nama:port. / Broker address.")] = "",
    registry: Annotated[str, typer.Option(help="Alamat registri skema. / Registry URL.")] = "",
    security: Annotated[Security | None, typer.Option(help="SASL_SSL, SSL, PLAINTEXT.")] = None,
    user: Annotated[str, typer.Option(help="Nama kredensial. / Name of the credential.")] = "",
    password_file: Annotated[Path | None, typer.Option(help="Berkas kata sandi. / Password file.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Berkas CA (PEM). / CA file (PEM).")] = None,
    save: Annotated[Path, typer.Option(help="Berkas pengaturan yang ditulis. / Settings file to write.")] = _FILE,
    no_save: Annotated[bool, typer.Option("--no-save", help="Jangan tulis. / Write none.")] = False,  # noqa: FBT002  # a flag
    wait_seconds: Annotated[float, typer.Option(min=0, help="Menunggu tanda terima. / Wait for the receipt.")] = 60.0,
    check: Annotated[bool, typer.Option("--check", help="Hanya periksa. / Probe only.")] = False,  # noqa: FBT002  # a flag
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Jangan bertanya. / Do not ask.")] = False,  # noqa: FBT002  # a flag
    json_output: AsJson = False,  # noqa: FBT002  # an option of the command line
) -> None:
    """Sambungkan satu daerah: periksa, kirim peristiwa uji, tunggu tanda terima. / Connect a region.

    A password is never given on the command line: name its file, or set SIMPUL__KAFKA__PASSWORD.
    Exits with 0 where the test event was accepted, 1 refused, 2 usage, 3 broken link, 4 no receipt in time.

    Examples: simpul connect --region 53.13 --system sitimdu.53.13 | simpul connect --check --json
    """
    given = load_settings()
    ask = None if yes or json_output or not sys.stdin.isatty() else _ask
    settings = _complete(
        _with(given, region, system, broker, registry, security, user, password_file, ca_file), ask, save
    )
    result = Connected(settings.publisher.region, settings.publisher.source)
    try:
        _probe(settings, result, quiet=json_output)
        failure = first_failure(result.findings)
        if failure is not None:
            raise LinkBroken(failure)
        if not check:
            _publish(settings, result, wait_seconds)
        if not (check or no_save) and result.exit_code in {0, _EXIT_PARTIAL}:
            result.settings_file = str(_write(settings, save, overwrite=yes))
    finally:
        if json_output:
            print_json(result.document())
    if not json_output:
        _tell(result, settings)
    raise typer.Exit(result.exit_code)


def _with(  # noqa: PLR0913, PLR0917  # the options of the command
    settings: Settings,
    region: str,
    system: str,
    broker: str,
    registry: str,
    security: Security | None,
    user: str,
    password_file: Path | None,
    ca_file: Path | None,
) -> Settings:
    """Put what the command line says over the settings."""
    kafka: dict[str, object] = {
        "bootstrap_servers": broker,
        "security": security,
        "user": user,
        "password_file": password_file.absolute() if password_file else None,
        "ca_file": ca_file.absolute() if ca_file else None,
    }
    if user and security is None and settings.kafka.security is Security.PLAINTEXT:
        kafka["security"] = Security.SASL_SSL
    return settings.model_copy(
        update={
            "kafka": _over(settings.kafka, kafka),
            "registry": _over(settings.registry, {"url": registry}),
            "publisher": _over(settings.publisher, {"region": region, "source": system}),
        }
    )


def _over(section: Any, values: dict[str, object]) -> Any:  # noqa: ANN401  # any section of the settings
    return section.model_copy(update={name: value for name, value in values.items() if value})


def _complete(settings: Settings, ask: _Ask | None, save: Path) -> Settings:
    """Ask for what is missing, or raise `SettingsError` that names the option."""

    def need(value: str, option: str, indonesian: str, english: str) -> str:
        if value:
            return value
        if ask is None:
            raise SettingsError(f"{indonesian} belum ada; beri {option}.", f"{english} is missing; give {option}.")
        return ask(f"{indonesian} / {english}")

    region = need(settings.publisher.region, "--region", "Kode wilayah", "The region's code")
    if region not in load_regions():
        raise SettingsError(
            f"Kode wilayah '{region}' tidak dikenal; cari dengan 'simpul regions resolve'.",
            f"The region's code '{region}' is not known; find it by 'simpul regions resolve'.",
        )
    source = need(settings.publisher.source, "--system", "Nama sistem", "The name of the system")
    servers = need(settings.kafka.bootstrap_servers, "--broker", "Alamat broker", "The broker's address")
    url = need(settings.registry.url, "--registry", "Alamat registri", "The registry's address")
    kafka = settings.kafka.model_copy(update={"bootstrap_servers": servers})
    return settings.model_copy(
        update={
            "kafka": _with_login(kafka, ask, save),
            "registry": settings.registry.model_copy(update={"url": url}),
            "publisher": PublisherSettings(region=region, source=source),
        }
    )


def _with_login(kafka: KafkaSettings, ask: _Ask | None, save: Path) -> KafkaSettings:
    if kafka.security is not Security.SASL_SSL or kafka.mechanism is Mechanism.OAUTHBEARER or ask is None:
        return kafka
    user = kafka.user or ask("Nama kredensial / Name of the credential")
    if kafka.password.get_secret_value() or kafka.password_file is not None:
        return kafka.model_copy(update={"user": user})
    file = save.with_suffix(".password").absolute()
    secret = ask(f"Kata sandi, disimpan di {file} / Password, kept in {file}", hidden=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(secret)
    return kafka.model_copy(update={"user": user, "password_file": file})


def _ask(question: str, *, hidden: bool = False) -> str:
    return str(typer.prompt(question, hide_input=hidden, err=True))


def _probe(settings: Settings, result: Connected, *, quiet: bool) -> None:
    province = province_of(settings.publisher.region)
    kind = event_type(TEST_TYPE)
    write = [event_topic(province, TEST_TYPE)]
    result.findings = probe_link(
        settings.kafka, settings.registry, write, {write[0]: kind.schema}, [receipt_topic(province)]
    )
    if not quiet:
        for finding in result.findings:
            sys.stderr.write(line_of(finding) + "\n")


def line_of(finding: Finding) -> str:
    """Return one step of a probe as a line for people."""
    line = f"{_MARKS[finding.grade]} {finding.step.value:<9} {finding.message_id} / {finding.message_en}"
    if finding.remedy_id:
        line += f"\n      -> {finding.remedy_id} / {finding.remedy_en}"
    return f"{line}\n      ({finding.detail})" if finding.detail and finding.grade is Grade.FAILED else line


def draft_of_test(region: str, source: str, now: datetime) -> Draft:
    """Return the event that a connection is tried with: a nil report of today, which no figure ever counts."""
    return Draft(
        event_type=TEST_TYPE,
        subject=f"uji-sambungan:{region}:{source}",
        region=region,
        occurred_at=now,
        mode=Mode.TEST,
        payload={
            "unit": source,
            "period_kind": "DAY",
            "period": now.date().isoformat(),
            "claims": [{"event_type": name, "count": 0} for name in sorted(EVENT_TYPES)],
            "note": "simpul connect",
        },
    )


def _publish(settings: Settings, result: Connected, wait_seconds: float) -> None:
    with open_publisher(settings=settings) as publisher, progress_bar() as bar:
        bar.add_task("Menunggu tanda terima / Waiting for the receipt", total=None)
        draft = draft_of_test(settings.publisher.region, settings.publisher.source, datetime.now(UTC))
        answer = publisher.publish(draft)
        result.receipt = publisher.wait(answer.event_id, wait_seconds)


def _write(settings: Settings, path: Path, *, overwrite: bool) -> Path:
    """Write the settings of the link, secrets by the names of their files only; another file of that name stays."""
    sections: Sequence[tuple[str, KafkaSettings | RegistrySettings | PublisherSettings]] = (
        ("kafka", settings.kafka),
        ("registry", settings.registry),
        ("publisher", settings.publisher),
    )
    document = {
        name: section.model_dump(mode="json", exclude={"password"}, exclude_defaults=True) for name, section in sections
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    try:
        if path.exists() and not overwrite and path.read_text(encoding="utf-8") != text:
            raise SettingsError(
                f"Berkas '{path}' sudah ada dan isinya lain; pakai --save BERKAS, --yes, atau --no-save.",
                f"The file '{path}' is there and says something else; use --save FILE, --yes, or --no-save.",
            )
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"Berkas pengaturan '{path}' tidak dapat ditulis.", f"The settings file '{path}' cannot be written."
        ) from error
    return path.absolute()


def _tell(result: Connected, settings: Settings) -> None:
    if result.receipt is None:
        return
    said = result.receipt
    sys.stdout.write(f"{said.event_id} {said.standing.value}: {said.message_id} / {said.message_en}\n")
    if result.exit_code == _EXIT_PARTIAL:
        sys.stderr.write(
            "Peristiwa uji sudah di bus, tetapi tanda terimanya belum datang: pekerja bus ('simpul worker') mungkin "
            "tidak berjalan. Lihat nanti dengan 'simpul receipts list'.\n"
            "The test event is on the bus, but its receipt has not come yet: the worker of the bus ('simpul worker') "
            "may not be running. Look later by 'simpul receipts list'.\n"
            if said.standing is Standing.SENT
            else "Peristiwa uji belum terkirim, dan aman di kotak keluar. / The test event waits, safe on disk.\n"
        )
        return
    if result.settings_file is not None:
        sys.stderr.write(f"Pengaturan ditulis: export SIMPUL_CONFIG={result.settings_file}\n")
    sys.stderr.write(
        f"Berikutnya / next:\n"
        f"  simpul import MAPPING BERKAS.csv     tabel / a table\n"
        f"  from simpul_producers.link import open_publisher     Python\n"
        f"  simpul receipts list                 apa jadinya / what became of it\n"
        f"  kotak keluar / outbox: {settings.data_dir / 'outbox.db'}\n"
    )
