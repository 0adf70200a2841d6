"""The certificates of Amazon RDS, put into the built layer."""

from pathlib import Path

import pytest

from local.errors import StackError
from tests.sam import template
from tools.deploy import rds_certificates


def test_the_certificates_lie_where_the_functions_look_for_them(
    build: Path, certificates: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = rds_certificates.put(build, str(certificates))
    assert place.read_text() == certificates.read_text()
    assert template.variables()["DB_CA_FILE"]["Fn::If"][1] == f"/opt/python/{place.name}"
    assert place.parent == build / "CommonLayer" / "python"
    assert capsys.readouterr().out.startswith("1 certificates")


def test_a_file_that_is_not_there_is_named(build: Path) -> None:
    with pytest.raises(StackError, match=r"RDS_CERTIFICATES is 'nowhere\.pem', which cannot be read"):
        rds_certificates.put(build, "nowhere.pem")


def test_without_a_way_to_amazon_the_other_way_is_told(build: Path) -> None:
    with pytest.raises(StackError, match="make deploy RDS_CERTIFICATES="):
        rds_certificates.put(build, address="http://127.0.0.1:9/global-bundle.pem")


def test_certificates_need_a_built_layer(tmp_path: Path, certificates: Path) -> None:
    with pytest.raises(StackError, match="run make build first"):
        rds_certificates.put(tmp_path, str(certificates))
