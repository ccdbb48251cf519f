"""Where the cluster is: each dialect is read, and what is wrong is named with the place where it was set."""

from pathlib import Path

import pytest

from penstock.cli import connection
from penstock.errors import Misuse


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No file of the user's or the project's is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def read(*properties: str, servers: str | None = None, file: str | None = None, **environment: str) -> dict[str, str]:
    """What comes of flags, a file and the environment."""
    return connection.read(servers, properties, file, environment)


def refused(*properties: str, servers: str | None = None, file: str | None = None, **environment: str) -> Misuse:
    """The mistake that comes of them."""
    with pytest.raises(Misuse) as caught:
        read(*properties, servers=servers, file=file, **environment)
    assert caught.value.exit_code == 2
    assert caught.value.fix
    return caught.value


def test_flags_go_before_environment_before_files(nowhere: Path) -> None:
    """The same property in all three: the flag's counts; without it the environment's, without that the file's."""
    file = nowhere / "mine"
    file.write_text("\ufeff# a comment\nclient.id=file\n client.rack = file \nlinger.ms=1\n", encoding="utf-8")

    found = read("client.id=flag", file=str(file), PENSTOCK_KAFKA_CLIENT_ID="env", PENSTOCK_KAFKA_CLIENT_RACK="env")

    assert found == {
        "bootstrap.servers": connection.DEFAULT, "client.id": "flag", "client.rack": "env", "linger.ms": "1",
    }  # fmt: skip


def test_a_secret_may_come_from_a_file(nowhere: Path) -> None:
    """The variable with _FILE names where it is mounted."""
    (nowhere / "secret").write_text("hunter2\n", encoding="utf-8")

    found = read(PENSTOCK_KAFKA_SASL_PASSWORD_FILE=str(nowhere / "secret"))

    assert found["sasl.password"] == "hunter2"


@pytest.mark.parametrize("text", ["localhost", ":9092", "http://k:9092", "k:0", "k:99999", "k:x", "k:9092,", "k:٩"])
def test_what_is_no_address(text: str) -> None:
    """E323 for anything but HOST:PORT, comma between them."""
    assert refused(servers=text).code == "E323"


def test_a_property_that_is_unknown_or_forbidden_is_not_passed_on() -> None:
    """E322: what loads code or turns a check off is as unknown as a typo, which gets a suggestion."""
    assert "“bootstrap.servers”" in refused("bootstrap.server=k:1").fix
    assert refused("plugin.library.paths=x.so").code == "E322"
    assert "sasl.username" in refused("sasl.jaas.config=x").fix
    assert "keytool" in refused("ssl.truststore.location=x.jks").fix


def test_a_value_the_client_does_not_take_is_named_as_the_person_named_it(nowhere: Path) -> None:
    """E324 with the person's own word and place, though the client calls the property otherwise."""
    (nowhere / "client.properties").write_text("\n  session.timeout.ms=soon\n", encoding="utf-8")

    in_file = refused()
    (nowhere / "client.properties").unlink()
    in_flag = refused("linger.ms=soon")
    in_variable = refused(PENSTOCK_KAFKA_SOCKET_TIMEOUT_MS="soon")

    assert [found.code for found in (in_file, in_flag, in_variable)] == ["E324"] * 3
    assert (in_file.what.split("“")[1][:-1], str(in_file.place)) == ("session.timeout.ms", "client.properties:2:3")
    assert (in_flag.what.split("“")[1][:-1], str(in_flag.place)) == ("linger.ms", "-X")
    assert str(in_variable.place) == "PENSTOCK_KAFKA_SOCKET_TIMEOUT_MS (environment)"


def test_properties_that_do_not_go_together() -> None:
    """A protocol without a mechanism or a password, and a file that is not there, are told before anything begins."""
    assert "SCRAM-SHA-512" in refused("security.protocol=SASL_SSL").fix
    assert "sasl.password" in refused("security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN").why
    assert "“ssl.ca.location”" in refused("security.protocol=SSL", "ssl.ca.location=/nowhere").what


def test_the_new_group_protocol_is_taken() -> None:
    """KIP-848 has timeouts of the broker's own, which are then not set here."""
    assert read("group.protocol=consumer")["group.protocol"] == "consumer"


def test_a_file_that_is_none() -> None:
    """E321 for one that is not there, E320 for a line that is no property, at its column."""
    assert refused(file="nowhere").code == "E321"


def test_a_line_that_is_no_property(nowhere: Path) -> None:
    """E320 with the line and column."""
    (nowhere / "mine").write_text("client.id=x\n   nonsense\n", encoding="utf-8")

    found = refused(file="mine")

    assert (found.code, str(found.place)) == ("E320", "mine:2:4")
