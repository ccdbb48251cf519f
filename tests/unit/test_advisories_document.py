"""Reading CSAF documents: what is optional may be missing, and what is broken says where."""

import json
from typing import Any

import pytest

from advisories.document import NotCsaf, Stated, parse

VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"
NESTED = b'{"document":' + b"[" * 200_000


def written(*vulnerabilities: dict[str, Any], **head: object) -> bytes:
    """The least CSAF document with these vulnerabilities."""
    document = {"csaf_version": "2.0", "title": "A title", "tracking": {"id": "A-1"}, **head}
    return json.dumps({"document": document, "vulnerabilities": list(vulnerabilities)}).encode()


def test_a_document_is_read_whole() -> None:
    """Title, prose with the places where it stands, and vulnerabilities with their scores."""
    data = written(
        {
            "cve": "CVE-1900-0001", "title": "One", "cwe": {"id": "CWE-79", "name": "XSS"},
            "notes": [{"category": "summary", "text": "It breaks."}],
            "threats": [{"category": "impact", "details": "It stops."}],
            "scores": [{"products": ["P"], "cvss_v3": {"version": "3.1", "vectorString": VECTOR, "baseScore": 7.5,
                                                       "baseSeverity": "HIGH"}}],
        },
        notes=[{"category": "general", "text": "Hello."}],
    )  # fmt: skip

    document = parse(data)

    (flaw,) = document.flaws
    assert (document.advisory_id, document.title) == ("A-1", "A title")
    assert [(p.where, p.text) for p in document.passages] == [
        ("/document/title", "A title"), ("/document/notes/0/text", "Hello."),
    ]  # fmt: skip
    assert [(p.where, p.text, p.number) for p in flaw.passages] == [
        ("/vulnerabilities/0/title", "One", 0), ("/vulnerabilities/0/notes/0/text", "It breaks.", 0),
        ("/vulnerabilities/0/threats/0/details", "It stops.", 0),
    ]  # fmt: skip
    assert (flaw.cve, flaw.cwe, flaw.scores) == ("CVE-1900-0001", "CWE-79", (Stated(3, "3.1", VECTOR, 7.5, "HIGH"),))


def test_nearly_everything_is_optional() -> None:
    """A document without vulnerabilities, and one whose vulnerability says nothing."""
    bare = json.loads(written())
    del bare["vulnerabilities"]

    (flaw,) = parse(written({})).flaws

    assert parse(json.dumps(bare).encode()).flaws == ()
    assert (flaw.cve, flaw.scores, flaw.passages) == ("", (), ())


def test_a_score_is_told_once() -> None:
    """CSAF repeats it for each group of products; two different ones are two, v2 needs no severity."""
    score = {"version": "3.1", "vectorString": VECTOR, "baseScore": 7.5, "baseSeverity": "HIGH"}
    v2 = {"version": "2.0", "vectorString": "AV:N/AC:L/Au:N/C:N/I:N/A:C", "baseScore": 7.8}

    (flaw,) = parse(written({"scores": [{"cvss_v3": score}, {"cvss_v3": score, "cvss_v2": v2}]})).flaws

    assert [(stated.major, stated.score, stated.severity) for stated in flaw.scores] == [(3, 7.5, "HIGH"), (2, 7.8, "")]


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b"", ""), (b"\xff\xfe", ""), (b"[1]", ""), (b"{}", "/document"), (NESTED, ""),
        (written(csaf_version="1.2"), "/document/csaf_version"),
        (written(title=None), "/document/title"),
        (written(tracking={}), "/document/tracking/id"),
        (written(notes=[{"text": 7}]), "/document/notes/0/text"),
        (written({"notes": "text"}), "/vulnerabilities/0/notes"),
        (written({"scores": [{"cvss_v3": {"baseScore": "7.5"}}]}), "/vulnerabilities/0/scores/0/cvss_v3/baseScore"),
        (written({"scores": [{"cvss_v3": {"baseScore": True}}]}), "/vulnerabilities/0/scores/0/cvss_v3/baseScore"),
        (written({"scores": [{"cvss_v3": {"baseScore": 11}}]}), "/vulnerabilities/0/scores/0/cvss_v3/baseScore"),
        (written({"scores": [{"cvss_v3": {"baseScore": 7, "version": "9"}}]}),
         "/vulnerabilities/0/scores/0/cvss_v3/version"),
    ],
)  # fmt: skip
def test_what_is_no_csaf_says_where(data: bytes, path: str) -> None:
    """Not JSON, too deep, another version, or something else where CSAF wants a text, a list or a number."""
    with pytest.raises(NotCsaf) as caught:
        parse(data)

    assert caught.value.path == path


def test_half_a_character_is_replaced() -> None:
    r"""JSON can spell a lone surrogate (`\ud800`), which no Avro string can hold."""
    assert parse(written(title="a\ud800b")).title == "a?b"
