"""The catalogue of what can be wrong with a file of cases, beside what can be wrong with any file of ours."""

from __future__ import annotations

from penstock.topology.codes import CODES as OF_A_TOPOLOGY
from penstock.topology.codes import Code

_OF_CASES = (
    Code("E151", "the file has no cases", "without one there is nothing to try", "write one under `cases:`"),
    Code("E152", "case “{name}” expects nothing", "it could not fail", "add `expect: {{status: succeeded}}`"),
    Code(
        "E153",
        "case “{name}” sends nothing",
        "a run begins with an event",
        "add `send: {{...}}`, or give all cases an `event:`",
    ),
    Code("E154", "“{name}” cannot be stubbed", "{why}", "{advice}"),
    Code("E155", "{where} says {found}", "one turn is one of: {known}", "{advice}"),
    Code("E156", "{contract} has no field “{field}”", "it could never be written or read", "{advice}"),
    Code("E157", "{contract} wants {wanted} here, not {found}", "{what} could never be written or read", "{advice}"),
    Code("E160", "{where} lacks “{field}” of {contract}", "{why}", "add `{field}:`"),
    Code(
        "E161",
        "“{name}” may spend {most} an attempt, not {text}",
        "the runtime would refuse to spend it: the answer could never be given",
        "write at most {most}",
    ),
    Code("E162", "nobody is ever asked about “{name}”", "steps that ask people are: {known}", "{advice}"),
    Code("E163", "{what} must be {wanted}", "one thing happens after the other", "{advice}"),
    Code(
        "E165",
        "an edit needs a step that asks people, and a value",
        "steps that ask people are: {known}",
        "write for example `edit: {{step: check, value: {{cents: 900}}}}`",
    ),
)

CODES = OF_A_TOPOLOGY | {entry.code: entry for entry in _OF_CASES}
