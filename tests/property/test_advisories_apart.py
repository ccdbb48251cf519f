"""The demo's finder of contradictions and one that was written apart find the same in any document."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given

from advisories.contradictions import contradictions
from advisories.document import parse
from bench.contradictions import Finding, findings
from strategies import advisories


@given(advisories())
def test_both_finders_find_the_same(tmp_path_factory: Any, document: dict[str, Any]) -> None:  # noqa: ANN401 - pytest's
    """Whatever is said in whatever order, the finder that shares no code with the demo's agrees with it."""
    path: Path = tmp_path_factory.getbasetemp() / "advisory.json"
    path.write_text(json.dumps(document), encoding="utf-8")

    ours = {Finding("A-1", one.kind, one.cve, one.prose[max(0, one.prose.find("AV:")) :])
            for one in contradictions(parse(path.read_bytes()))}  # fmt: skip

    assert ours == set(findings(path))
