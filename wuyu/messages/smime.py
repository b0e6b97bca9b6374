"""Sign mail (S/MIME, RFC 8551): once, before it is queued; every try sends the same bytes.

Signed attributes are left out, so that an RSA key gives the same signature for the same mail.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from risk_models.errors import ConfigError
from wuyu.messages.mail import Mail

if TYPE_CHECKING:
    from risk_models.district.outgoing import SmimeSettings

__all__ = ["Signer", "load_signer", "sign_mail", "signed"]

_OUTER = ("content-type", "content-transfer-encoding", "mime-version", "content-disposition")


@dataclass(frozen=True)
class Signer:
    """A certificate with its key, and the certificates of the authorities between."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()


def load_signer(settings: SmimeSettings, root: Path, *, environ: Mapping[str, str] = os.environ) -> Signer:
    """Read certificate and key.

    Parameters
    ----------
    settings : SmimeSettings
    root : Path
        District folder.
    environ : mapping
        Names the file of the key.

    Raises
    ------
    ConfigError
        If a file is absent or unreadable, others may read the key, or the two do not belong together.
    """
    named = environ.get(settings.key_env, "")
    if not named:
        raise ConfigError(f"mail is to be signed, but the environment variable {settings.key_env} is not set")
    key_path, certificate_path = Path(named), root / settings.certificate
    try:
        if key_path.stat().st_mode & 0o077:
            raise ConfigError(f"others may read the key file of {settings.key_env}; set: chmod 600")
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
        certificates = x509.load_pem_x509_certificates(certificate_path.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"certificate or key for signing mail cannot be read: {error}") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ConfigError("the key for signing mail must be RSA or EC")
    if certificates[0].public_key() != key.public_key():
        raise ConfigError(f"{settings.certificate} is not the certificate of the key in {settings.key_env}")
    return Signer(certificates[0], key, tuple(certificates[1:]))


def signed(mail: Mail, settings: SmimeSettings | None, root: Path) -> Mail:
    """Return the mail signed if the settings of a district say so, else as it is; `root` is its folder.

    Raises
    ------
    ConfigError
        If it cannot be signed: then it is not sent either.
    """
    return mail if settings is None else sign_mail(mail, load_signer(settings, root))


def sign_mail(mail: Mail, signer: Signer) -> Mail:
    """Return the mail with a detached signature over its whole content; headers stay outside and as they were.

    Parameters
    ----------
    mail : Mail
        From `build_mail`.
    signer : Signer
    """
    head, _, body = mail.body.partition(b"\r\n\r\n")
    outside, inside = _split_headers(head)
    signed = b"\r\n".join([*inside, b"", body])
    builder = pkcs7.PKCS7SignatureBuilder().set_data(signed)
    builder = builder.add_signer(signer.certificate, signer.key, hashes.SHA256())
    for certificate in signer.chain:
        builder = builder.add_certificate(certificate)
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoAttributes]
    signature = builder.sign(serialization.Encoding.DER, options)
    boundary = f"=_wuyu_{hashlib.sha256(mail.mail_message_id.encode()).hexdigest()[:24]}_signed"
    content_type = (
        f'Content-Type: multipart/signed; protocol="application/pkcs7-signature";\r\n micalg=sha-256;'
        f'\r\n boundary="{boundary}"'
    )
    line = f"--{boundary}".encode()
    parts = [
        *outside, b"MIME-Version: 1.0", content_type.encode(), b"",
        line, signed, line,
        b'Content-Type: application/pkcs7-signature; name="smime.p7s"',
        b"Content-Transfer-Encoding: base64",
        b'Content-Disposition: attachment; filename="smime.p7s"', b"",
        _base64_lines(signature), line + b"--", b"",
    ]  # fmt: skip
    return replace(mail, body=b"\r\n".join(parts))


def _split_headers(head: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the headers of the mail and those of its content; folded lines stay with their header."""
    outside: list[bytes] = []
    inside: list[bytes] = []
    current = outside
    for line in head.split(b"\r\n"):
        if not line.startswith((b" ", b"\t")):
            name = line.partition(b":")[0].strip().lower().decode("ascii", "replace")
            current = inside if name in _OUTER else outside
            if name == "mime-version":
                current = []  # written anew
        current.append(line)
    return outside, inside


def _base64_lines(data: bytes) -> bytes:
    text = base64.b64encode(data)
    return b"\r\n".join(text[start : start + 76] for start in range(0, len(text), 76))
