"""The `simpul` command: one program, one grammar.

Data goes to stdout, words to stderr; every read has `--json`; exit codes are 0 ok, 1 findings, 2 usage, 3 cannot
connect. A part is loaded when it is asked for, and without its extra the command says what to install.
"""

import os
from importlib.metadata import version
from typing import Annotated

import typer

from simpul_connectors import commands as connectors
from simpul_connectors.control import control_commands
from simpul_connectors.portal import portal_commands
from simpul_connectors.subscribe_commands import subscribe
from simpul_deploy import audit_commands
from simpul_deploy.demo import commands as demo
from simpul_deploy.errors import guarded
from simpul_deploy.local import commands as local
from simpul_deploy.portal_command import portal as run_portal
from simpul_processors import alert_commands, quarantine_commands, roster_commands
from simpul_processors import commands as processors
from simpul_processors.completeness_commands import completeness
from simpul_producers import commands as producers
from simpul_producers import connect as connecting
from simpul_producers import import_commands, receipts_commands
from simpul_producers.gateway import gateway_commands
from simpul_producers.poller import commands as poller
from simpul_schemas import regions_commands, schemas_commands
from simpul_schemas.catalogue import catalogue_commands
from simpul_schemas.settings import load_settings

#: Commands that bring a stack with them, or look after one, and so need none to connect to.
_OWN_STACK = frozenset({"up", "down", "status", "demo", "regions", "views"})

app = typer.Typer(
    name="simpul",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Contoh / examples: simpul demo | simpul up | simpul import pilpres2024_tps tps.csv.gz",
)
imports = typer.Typer(
    cls=import_commands.ImportGroup,
    no_args_is_help=True,
    help=import_commands.HELP,
    epilog=import_commands.EPILOG,
)
sink = typer.Typer(no_args_is_help=True, help="Basis data kementerian. / Ministry databases.")
schemas = typer.Typer(no_args_is_help=True, help="Kontrak: skema dan aturan. / The contract: schemas and rules.")
regions = typer.Typer(no_args_is_help=True, help="Wilayah. / Regions.")
quarantine = typer.Typer(no_args_is_help=True, help="Karantina: yang ditolak. / Quarantine: what was refused.")
alerts = typer.Typer(no_args_is_help=True, help="Peringatan dini. / Early warnings.")
gateway = typer.Typer(invoke_without_command=True)
gateway_key = typer.Typer(no_args_is_help=True, help="Kunci gerbang. / Keys of the gateway.")
portal = typer.Typer(invoke_without_command=True)
portal_operator = typer.Typer(no_args_is_help=True, help="Operator portal. / Operators of the portal.")
roster = typer.Typer(no_args_is_help=True, help="Daftar pelapor. / Who is expected to report.")
receipts = typer.Typer(no_args_is_help=True, help="Tanda terima. / Receipts.")
outbox = typer.Typer(no_args_is_help=True, help="Kotak keluar. / The outbox.")

app.command("up")(guarded(local.up))
app.command("down")(guarded(local.down))
app.command("status")(guarded(local.status))
app.command("demo")(guarded(demo.demo))
app.command("poll")(guarded(poller.poll))
app.command("connect")(guarded(connecting.connect))
app.command("worker")(guarded(processors.worker))
app.command("views")(guarded(processors.views))
app.command("audit")(guarded(audit_commands.audit))
app.command("figures")(guarded(audit_commands.figures))
app.command("subscribe")(guarded(subscribe))
for name, command in import_commands.IMPORT_COMMANDS.items():
    imports.command(name)(guarded(command))
outbox.command("status")(guarded(producers.outbox_status))
gateway.callback()(guarded(gateway_commands.run))
gateway_key.command("create")(guarded(gateway_commands.key_create))
gateway_key.command("list")(guarded(gateway_commands.key_list))
gateway_key.command("revoke")(guarded(gateway_commands.key_revoke))
gateway_key.command("rotate")(guarded(gateway_commands.key_rotate))
portal.callback()(guarded(run_portal))
portal_operator.command("create")(guarded(portal_commands.operator_create))
portal_operator.command("list")(guarded(portal_commands.operator_list))
portal_operator.command("revoke")(guarded(portal_commands.operator_revoke))
receipts.command("list")(guarded(receipts_commands.receipts_list))
receipts.command("verify")(guarded(receipts_commands.receipts_verify))
receipts.command("prove")(guarded(receipts_commands.receipts_prove))
sink.command("lint")(guarded(connectors.lint))
sink.command("plan")(guarded(connectors.plan))
sink.command("apply")(guarded(connectors.apply))
sink.command("pause")(guarded(connectors.pause))
sink.command("resume")(guarded(connectors.resume))
sink.command("run")(guarded(connectors.run))
sink.command("status")(guarded(connectors.status))
sink.command("serve")(guarded(control_commands.serve))
sink.command("dashboards")(guarded(control_commands.dashboards))
schemas.command("check")(guarded(schemas_commands.check))
schemas.command("push")(guarded(schemas_commands.push))
schemas.command("docs")(guarded(catalogue_commands.docs))
regions.command("resolve")(guarded(regions_commands.regions_resolve))
regions.command("list")(guarded(regions_commands.regions_list))
app.add_typer(imports, name="import")
app.command("completeness")(guarded(completeness))
roster.command("check")(guarded(roster_commands.roster_check))
roster.command("apply")(guarded(roster_commands.roster_apply))
roster.command("list")(guarded(roster_commands.roster_list))
roster.command("example")(guarded(roster_commands.roster_example))
app.add_typer(roster, name="roster")
app.add_typer(schemas, name="schemas")
app.add_typer(regions, name="regions")
gateway.add_typer(gateway_key, name="key")
app.add_typer(gateway, name="gateway")
portal.add_typer(portal_operator, name="operator")
app.add_typer(portal, name="portal")
app.add_typer(outbox, name="outbox")
app.add_typer(receipts, name="receipts")
app.add_typer(sink, name="sink")
quarantine.command("list")(guarded(quarantine_commands.quarantine_list))
quarantine.command("show")(guarded(quarantine_commands.quarantine_show))
quarantine.command("redrive")(guarded(quarantine_commands.quarantine_redrive))
alerts.command("list")(guarded(alert_commands.alerts_list))
alerts.command("lint")(guarded(alert_commands.alerts_lint))
app.add_typer(quarantine, name="quarantine")
app.add_typer(alerts, name="alerts")


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # typer calls it with the flag's value
    if wanted:
        typer.echo(version("simpul"))
        raise typer.Exit


@app.callback()
def connect_to_local_stack(
    context: typer.Context,
    _version: Annotated[  # noqa: FBT002  # a flag of the command line
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Versi. / Show the version."),
    ] = False,  # a flag of the command line
) -> None:
    """Simpul: bus integrasi daerah ke pusat. / Integration bus from the regions to the nation."""
    if context.invoked_subcommand not in _OWN_STACK:
        guarded(_use_local_stack)()


def _use_local_stack() -> None:
    """Where no broker is named, name the local stack's servers to the command, if there is one."""
    if load_settings().kafka.bootstrap_servers:
        return
    try:
        from simpul_deploy.local.stack import Stack  # noqa: PLC0415  # only POSIX, and needs the `deploy` extra
    except ImportError:
        return
    from simpul_deploy.local.client import client_environment  # noqa: PLC0415  # the same

    stack = Stack(os.environ.get("SIMPUL_INSTANCE", "default"))
    endpoints = stack.endpoints()
    if endpoints is not None:
        for variable, value in client_environment(endpoints, stack.client_data).items():
            os.environ.setdefault(variable, value)


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
