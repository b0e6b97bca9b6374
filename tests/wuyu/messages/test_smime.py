"""Signed mail: proven by an independent program, refused when changed, the same bytes every time."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from risk_models.district.outgoing import SmimeSettings
from risk_models.errors import ConfigError
from wuyu.messages.mail import Attachment, Mail, MailContent
from wuyu.messages.smime import Signer, load_signer, sign_mail

OPENSSL = shutil.which("openssl")
SETTINGS = SmimeSettings(certificate="duty.pem", key_env="WUYU_TEST_KEY")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and its self-signed certificate."""
    place = tmp_path_factory.mktemp("smime")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Duty Desk")])
    begin = datetime.now(UTC) - timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(days=30))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    names = x509.SubjectAlternativeName([x509.RFC822Name("duty@erqi.example")])
    certificate = builder.add_extension(usage, critical=False).add_extension(names, critical=False)
    signed = certificate.sign(key, hashes.SHA256())
    (place / "duty.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (place / "duty.key").write_bytes(encoded)
    (place / "duty.key").chmod(0o600)
    return place


@pytest.fixture
def signer(folder: Path) -> Signer:
    return load_signer(SETTINGS, folder, environ={"WUYU_TEST_KEY": str(folder / "duty.key")})


@pytest.fixture
def mail(make_mail: Callable[..., Mail]) -> Mail:
    pdf = Attachment(filename="通报.pdf", content=b"%PDF" * 2000, mime="application/pdf")
    content = MailContent(subject="红色预警 建中街", text="立即转移\n.点\n", html="<p>转移</p>", attachments=(pdf,))
    return make_mail(content=content)


def _verify(folder: Path, body: bytes) -> subprocess.CompletedProcess[bytes]:
    if OPENSSL is None:
        pytest.skip("openssl is not installed: no independent program to check the signature with")
    (folder / "mail.eml").write_bytes(body)
    command = [OPENSSL, "cms", "-verify", "-in", "mail.eml", "-CAfile", "duty.pem", "-purpose", "smimesign"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False)


def test_openssl_accepts_the_signature(folder: Path, signer: Signer, mail: Mail) -> None:
    ran = _verify(folder, sign_mail(mail, signer).body)
    assert ran.returncode == 0, ran.stderr.decode()
    inside = message_from_bytes(ran.stdout, policy=policy.default)
    assert inside.get_body(("plain",)).get_content() == "立即转移\r\n.点\r\n"  # type: ignore[union-attr]


def test_openssl_refuses_a_changed_mail(folder: Path, signer: Signer, mail: Mail) -> None:
    body = sign_mail(mail, signer).body
    place = body.index(b"Content-Type: application/pdf")
    ran = _verify(folder, body[:place] + body[place:].replace(b"JVBE", b"JVBF", 1))
    assert ran.returncode != 0
    assert b"digest" in ran.stderr or b"bad signature" in ran.stderr or b"failure" in ran.stderr


def test_headers_stay_outside_and_parts_inside(signer: Signer, mail: Mail) -> None:
    signed = sign_mail(mail, signer)
    parsed = message_from_bytes(signed.body, policy=policy.default)
    assert parsed.get_content_type() == "multipart/signed"
    assert (parsed["Message-ID"], parsed["Subject"]) == (mail.mail_message_id, mail.subject)
    assert parsed["X-Wuyu-Status"] == "Exercise"
    content, signature = parsed.iter_parts()
    assert content.get_content_type() == "multipart/mixed"
    assert signature.get_content_type() == "application/pkcs7-signature"
    assert signed.body.partition(b"\r\n\r\n")[0].count(b"MIME-Version") == 1
    assert b"\n" not in signed.body.replace(b"\r\n", b"")


def test_same_mail_same_bytes(signer: Signer, mail: Mail) -> None:
    assert sign_mail(mail, signer).body == sign_mail(mail, signer).body
    assert sign_mail(mail, signer).mail_message_id == mail.mail_message_id


def test_what_cannot_be_signed_is_an_error_and_never_sent_unsigned(folder: Path, tmp_path: Path) -> None:
    def refused(words: str, **environ: str) -> None:
        with pytest.raises(ConfigError, match=words):
            load_signer(SETTINGS, tmp_path, environ=environ)

    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    refused("WUYU_TEST_KEY is not set")
    refused("cannot be read", WUYU_TEST_KEY=str(tmp_path / "absent"))
    (tmp_path / "duty.key").chmod(0o644)
    refused("others may read the key file", WUYU_TEST_KEY=str(tmp_path / "duty.key"))
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoded = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "other.key").write_bytes(encoded)
    (tmp_path / "other.key").chmod(0o600)
    refused("is not the certificate of the key", WUYU_TEST_KEY=str(tmp_path / "other.key"))
