"""The part of the catalogue about edges that depend on values, fan-outs, and pipelines that hand over."""

from __future__ import annotations

from penstock.topology.mistakes import Code

THE_BRANCHES = (
    Code(
        "E087",
        "step “{name}” has an `otherwise`, but no `when`",
        "it is the edge of the values that no rule takes",
        "give another edge a `when:`, or write the plain name",
    ),
    Code("E089", "step “{name}” cannot go through each “{field}”: {trouble}", "{why}", "{advice}"),
    Code(
        "E003",
        "the pipelines go in a circle: {circle}",
        "every run would begin another one, without an end and without a bound",
        "remove one of these `into:`",
    ),
    Code(
        "E002",
        "output “{name}” hands over to the pipeline “{into}”, of which there is no file here",
        "it is known by the `pipeline:` of the files in the same folder: {known}",
        "{advice}",
    ),
    Code(
        "E095",
        "“{name}” is reached for each item from one of “{first}” and “{second}”, but not from the other",
        "nobody could tell which values belong together",
        "let an aggregator with `gather:` make one value of the items first",
    ),
    Code(
        "E096",
        "aggregator “{name}” gathers items, and {found} brings them",
        "one branch comes out of a fan-out, all others are outside it",
        "let exactly one branch come from inside, or remove `gather:`",
    ),
    Code("E097", "the items cannot be gathered under “{field}”: {trouble}", "{why}", "{advice}"),
    Code(
        "E098",
        "{who} may run {most:,} times in one run; {allowed:,} are allowed",
        "a fan-out within a fan-out multiplies, and every task is remembered until the run ends",
        "lower `most:`",
    ),
    Code(
        "E099",
        "validator “{name}” asks for a {what} of “{of}”, and judges one item of what it writes",
        "it would begin all items again",
        "judge the whole list before it goes item by item, or remove this",
    ),
    Code("E088", "{who} leads to “{name}” by more than its name", "{why}", "write the name alone"),
)
