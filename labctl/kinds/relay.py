"""A mail relay: it takes mail from the Internet for a mail server that strangers cannot reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from labctl import mail_names, postfix
from labctl.kinds import Scope
from labctl.model import Expansion, File, Flow, Kept, Lab, Limits, Service, Tier
from labctl.spec.fields import Doc, Name

BROUGHT = True
TIER: Tier = "public"

CAPABILITIES = frozenset({"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "KILL"})

TEMPLATES = {
    "relay/main.cf": "/etc/postfix/main.cf",
    "relay/master.cf": "/etc/postfix/master.cf",
    "relay/recipients": "/etc/postfix/recipients",
}


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a relay."""

    mail: Annotated[str, Name(), Doc("the mail service that it stands in front of")]


def expand(service: Service, scope: Scope) -> Expansion:
    """A Postfix that the Internet knows by the name of the mail service.

    The records, the certificate and the checks of that name are the mail service's.
    """
    options: Options = service.options
    return Expansion(
        packages=postfix.PACKAGES,
        capabilities=CAPABILITIES,
        daemons=(postfix.daemon(f"{options.mail}.{scope.domain}"),),
        ports={"smtp": mail_names.PORTS["smtp"]},
        volumes=(postfix.SPOOL,),
        limits=Limits(memory=96 * 2**20, processes=64),
        flows=(
            Flow(options.mail, mail_names.PORTS["smtp"], f"the relay hands mail to {options.mail}"),
            Flow("", mail_names.PORTS["smtp"], "the relay sends mail to other domains"),
        ),
    )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """Postfix's configuration, its certificate, and whom it takes mail for."""
    options: Options = service.options
    context = postfix.context(options.mail, lab.domain)
    partner = postfix.to_partner(service, lab, context["host"])
    context |= {
        "store": lab.address_of(options.mail),
        "inward": (*partner, "smtp_send_xforward_command=yes"),
        "recipients": _recipients(lab.services[options.mail], lab.domain),
    }
    yield from postfix.files(options.mail, kept, TEMPLATES, context, service.source)


def _recipients(mail: Service, domain: str) -> list[str]:
    """All addresses of the domain that the mail service takes mail for."""
    users, aliases = mail.options.users, mail.options.aliases
    names = (*users, *mail_names.with_roles(users, aliases))
    return [mail_names.full(name, domain) for name in names]
