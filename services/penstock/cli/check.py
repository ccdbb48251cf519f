"""`penstock check`: what a topology does, what one run may cost at worst, or everything that is wrong with the file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from penstock.assembly.plans import compile_file
from penstock.topology import bound, render
from penstock.topology.plan import Aggregator, Output, Plan, Step, Worker


@click.command(short_help="Check a topology file and show its worst case.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document.")
@click.option("--mermaid", is_flag=True, help="Answer with the graph as a Mermaid flowchart, for a page.")
def check(file: Path, *, as_json: bool, mermaid: bool) -> None:
    """Check FILE: print its graph, the contracts on the edges and the worst case of one run."""
    plan = compile_file(file)
    if as_json:
        click.echo(json.dumps(document(plan, file), ensure_ascii=False))
    else:
        click.echo(render.mermaid(plan).rstrip() if mermaid else render.page(plan))


def document(plan: Plan, file: Path) -> dict[str, object]:
    """A plan's report as one JSON document."""
    return {
        "kind": "CheckReport",
        "version": 1,
        "file": str(file),
        "pipeline": plan.pipeline,
        "description": plan.description,
        "digest": plan.digest,
        "steps": [_step(step) for step in plan.steps.values()],
        "edges": list(_edges(plan)),
        "limits": asdict(plan.limits),
        "worst_case": {**asdict(plan.bound), "terms": [asdict(term) for term in bound.terms(plan)]},
    }


def _step(step: Step) -> dict[str, object]:
    found: dict[str, object] = {"name": step.name, "kind": step.kind}
    if isinstance(step, Worker) and step.acts_for is not None:
        found["acts_for"] = step.acts_for
    if isinstance(step, Aggregator) and step.gather is not None:
        found["gather"] = asdict(step.gather)
    if isinstance(step, Output) and step.into:
        found["into"] = step.into
    if not isinstance(step, Output):
        found["ladder"] = asdict(step.ladder)
    return found


def _edges(plan: Plan) -> list[dict[str, object]]:
    contract = plan.ingress.contract
    edges: list[dict[str, object]] = [{"from": "ingress", "to": to, "contract": contract} for to in plan.ingress.to]
    for step in plan.steps.values():
        edges += [_edge(plan, step, target) for target in render.after(step)]
    return edges


def _edge(plan: Plan, step: Step, target: str) -> dict[str, object]:
    """An edge; on what it depends only where it does."""
    way = render.way(plan, step.name, target)
    found: dict[str, object] = {"from": step.name, "to": target, "contract": way.contract or render.writes(step)}
    depends = {"when": way.when, "otherwise": way.otherwise, "each": way.each, "most": way.most}
    return found | {key: value for key, value in depends.items() if value}
