"""The sections ``https`` and ``https.acme``."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from duck_tx.settings.sections.bounds import DAY, PATH_WORDS, SECONDS, PathName, Timeout

_NAME = r"\A(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\Z"
_EMAIL = r"\A[^@\s]+@[^@\s]+\Z"
_URL = r"\Ahttps://[!-~]+\Z"
_PATH = r"\A/[!-~]*\Z"
_YEARS = 10 * 366 * DAY


class AcmeSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Certificates that are asked for and renewed by themselves (ACME, RFC 8555)."""

    email: Annotated[
        Annotated[str, Meta(pattern=_EMAIL)] | None,
        Meta(
            description="Address of the account at the certificate authority; turns ACME on, and HTTPS with it.",
            extra={"accepted": "an e-mail address"},
        ),
    ] = None
    names: Annotated[
        tuple[Annotated[str, Meta(pattern=_NAME)], ...],
        Meta(
            description="Names the certificate is for; by default `server.domain`.",
            extra={"accepted": "a list of host names"},
        ),
    ] = ()
    directory: Annotated[
        str,
        Meta(
            description="Directory URL of the certificate authority.",
            pattern=_URL,
            extra={"accepted": "a URL that begins with https://"},
        ),
    ] = "https://acme-v02.api.letsencrypt.org/directory"
    staging: Annotated[
        bool, Meta(description="Ask Let's Encrypt's staging server, whose certificates no browser trusts.")
    ] = False
    ca_file: Annotated[
        PathName | None,
        Meta(description="Certificates (PEM) to trust at the directory, instead of the usual ones.", extra=PATH_WORDS),
    ] = None
    challenge: Annotated[
        Literal["auto", "http-01", "tls-alpn-01"],
        Meta(
            description="How control of a name is shown; `auto`: by `tls-alpn-01`, and by `http-01` if that is"
            " refused and the redirect site is there."
        ),
    ] = "auto"
    eab_key_id: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(description="Key identifier for an external account binding."),
    ] = None
    eab_hmac_key: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(
            description="Key of the external account binding, in base64url, as the authority gives it.",
            extra={"secret": True},
        ),
    ] = None


class CertificateSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One more certificate.

    :ivar certfile: as `https.certfile`.
    :ivar private_key: as `https.private_key`; None: it stands in ``certfile`` as well.
    """

    certfile: Annotated[PathName, Meta(extra=PATH_WORDS)]
    private_key: Annotated[PathName | None, Meta(extra=PATH_WORDS)] = None


class HttpsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS on the public port, and the redirect to it."""

    enabled: Annotated[
        bool | None, Meta(description="Serve HTTPS instead of HTTP; by default where `https.acme.email` is set.")
    ] = None
    certfile: Annotated[
        PathName | None,
        Meta(description="Certificate (PEM) and those between it and the root, in any order.", extra=PATH_WORDS),
    ] = None
    private_key: Annotated[
        PathName | None,
        Meta(description="Private key (PEM) of `https.certfile`; by default in that file.", extra=PATH_WORDS),
    ] = None
    certificates: Annotated[
        tuple[CertificateSettings, ...],
        Meta(
            description="More certificates; clients are shown the one for the name they ask for, or else the first.",
            extra={
                "accepted": 'a list of tables, [[https.certificates]] or [{certfile = "b.pem", private_key = "b.key"}]'
            },
        ),
    ] = ()
    folder: Annotated[
        PathName | None,
        Meta(
            description="More certificates by name, a folder for each with fullchain.pem and privkey.pem,"
            " as certbot keeps them.",
            extra=PATH_WORDS,
        ),
    ] = None
    strict_sni: Annotated[
        bool, Meta(description="Refuse clients that ask for no name or for one without a certificate.")
    ] = False
    watch_interval: Annotated[
        Timeout, Meta(description="How often the files of certificates are looked at for changes.", extra=SECONDS)
    ] = 10.0
    min_version: Annotated[Literal["1.2", "1.3"], Meta(description="Lowest version of TLS.")] = "1.2"
    handshake_timeout: Annotated[
        Timeout, Meta(description="From the connection to the end of the TLS handshake.", extra=SECONDS)
    ] = 10.0
    hsts: Annotated[
        Annotated[int, Meta(ge=0, le=_YEARS)] | None,
        Meta(
            description="How long browsers remember to come by HTTPS only (Strict-Transport-Security); 0: not said."
            " By default a year where `https.force` is on, except in development.",
            extra=SECONDS,
        ),
    ] = None
    hsts_subdomains: Annotated[bool, Meta(description="The same for all names below this one.")] = False
    hsts_preload: Annotated[
        bool, Meta(description="Agree that browsers know it beforehand (their lists want a year and subdomains).")
    ] = False
    force: Annotated[bool, Meta(description="Redirect plain HTTP, on a port of its own, to HTTPS.")] = False
    redirect_port: Annotated[
        int, Meta(description="TCP port of the redirect site; 0 picks a free one.", ge=0, le=65535)
    ] = 80
    redirect_hosts: Annotated[
        tuple[Annotated[str, Meta(pattern=_NAME)], ...],
        Meta(
            description="Hosts that redirects keep, beside those of the certificates; others go to `server.domain`.",
            extra={"accepted": "a list of host names, with *. in front for all below"},
        ),
    ] = ()
    redirect_permanent: Annotated[
        bool, Meta(description="Redirect for good (301 and 308), not for now (302 and 307).")
    ] = True
    redirect_exempt: Annotated[
        tuple[Annotated[str, Meta(pattern=_PATH)], ...],
        Meta(
            description="Paths that are answered over plain HTTP instead of redirected, such as a health check.",
            extra={"accepted": "a list of paths that begin with a slash"},
        ),
    ] = ()
    redirect_log: Annotated[bool, Meta(description="Write the redirect site's requests to the access log too.")] = False
    acme: AcmeSettings = field(default_factory=AcmeSettings)

    @property
    def is_on(self) -> bool:
        """Whether the public port speaks TLS."""
        return self.enabled if self.enabled is not None else self.acme.email is not None
