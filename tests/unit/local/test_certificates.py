from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.seed import records

NOT_AFTER = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)


def pem() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Prüfstelle, Köln"),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOT_AFTER - timedelta(days=1))
        .not_valid_after(NOT_AFTER)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def test_a_certificate_is_its_subject_and_date() -> None:
    (found,) = records.read_certificates(b"# a comment\n" + pem())
    assert found.subject == r"CN=Prüfstelle\, Köln,C=DE"
    assert found.not_after == NOT_AFTER


def test_a_certificate_counts_once_and_a_broken_one_never() -> None:
    one = pem()
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert len(records.read_certificates(one + broken + one)) == 1
