"""The pipeline's messages as models, field for field the contracts in schemas/avro/advisories."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from advisories.bands import Band
from penstock import ArtifactRef


class Message(BaseModel):
    """What all of them share: frozen, and no field that the contract does not have."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AdvisoryReceived(Message):
    """An advisory has come: where its document lies, not the document."""

    advisory_id: str
    document: ArtifactRef


class Score(Message):
    """A score as the document states it."""

    version: str
    vector: str
    score: float
    severity: str


class Vulnerability(Message):
    """One vulnerability; `text` is its prose, behind `blank` without what that says of scores."""

    advisory_id: str
    number: int
    cve: str
    cwe: str
    text: str
    scores: tuple[Score, ...]


class Advisory(Message):
    """A document that was read; `count` is how many vulnerabilities it has."""

    advisory_id: str
    title: str
    document: ArtifactRef
    count: int
    vulnerabilities: tuple[Vulnerability, ...]


class Guess(Message):
    """What the severity model makes of a text; `learned_from` is how many vulnerabilities it has seen."""

    number: int
    cve: str
    band: Band
    confidence: float
    learned_from: int


class Scored(Message):
    """What the vectors come to, the highest score of the newest version first; `problems` are those of all of them."""

    number: int
    cve: str
    band: Band
    score: float
    version: str
    vector: str
    problems: tuple[str, ...]


class Neighbour(Message):
    """A vulnerability of another document; `similarity` is the cosine between the two texts."""

    advisory_id: str
    cve: str
    band: Band
    score: float
    similarity: float


class Likeness(Message):
    """The band that the most similar past vulnerabilities have, and the nearest of them."""

    number: int
    cve: str
    band: Band
    neighbours: tuple[Neighbour, ...]


class Assessment(Message):
    """What is held of one vulnerability, and by whom; None for a voice that did not come."""

    number: int
    cve: str
    band: Band
    by: str
    score: float | None
    version: str
    vector: str
    problems: tuple[str, ...]
    model_band: Band | None
    model_confidence: float | None
    similar_band: Band | None
    neighbours: tuple[Neighbour, ...]
    dissent: bool


class Assessed(Message):
    """An advisory with what is held of its vulnerabilities, in the document's order."""

    advisory_id: str
    title: str
    document: ArtifactRef
    count: int
    assessments: tuple[Assessment, ...]
