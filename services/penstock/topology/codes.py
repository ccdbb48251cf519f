"""The catalogue of what can be wrong with a topology: each code with its sentence, its reason and its mending."""

from __future__ import annotations

from penstock.topology.branch_codes import THE_BRANCHES
from penstock.topology.mistakes import Code

__all__ = ["CODES", "Code"]

_THE_FILE = (
    Code(
        "E010",
        "the file has no steps",
        "a pipeline is its steps: without one there is nothing to run",
        "write a worker under `steps:`",
    ),
    Code("E011", "this is not YAML: {problem}", "the file cannot be read past this place", "mend the syntax here"),
    Code("E012", "a tab in the indentation", "YAML indents with spaces only", "replace the tab by spaces"),
    Code(
        "E013",
        "a second document begins here",
        "one file holds one pipeline",
        "move what follows `---` into a file of its own",
    ),
    Code(
        "E014",
        "key “{key}” appears twice, in lines {first} and {second}",
        "one of the two would silently win",
        "keep one of them",
    ),
    Code(
        "E015",
        "two steps are called “{key}”, in lines {first} and {second}",
        "a step's name is its topic and its group",
        "rename one of them",
    ),
    Code(
        "E016",
        "the tag {tag} is not allowed",
        "a topology holds plain text, numbers, lists and mappings",
        "remove the tag",
    ),
    Code(
        "E017",
        "anchors and aliases are not allowed (here: {name})",
        "a page that repeats itself by reference can grow beyond any memory",
        "write the value out",
    ),
    Code(
        "E018",
        "“{text}” means different things to different YAML readers",
        "older readers take it for {taken}, newer ones for text",
        "{advice}",
    ),
    Code("E019", "byte {offset} is not UTF-8", "the file must be UTF-8 text", "save the file as UTF-8"),
    Code(
        "E020",
        "nested deeper than {most} levels",
        "no topology needs it, and some readers would crash",
        "flatten the value",
    ),
    Code(
        "E021",
        "the file has {size:,} bytes; {most:,} are allowed",
        "it is read whole, by every process",
        "move data out of the topology",
    ),
    Code(
        "E022",
        "{count:,} steps; {most:,} are allowed",
        "each step is a topic and a consumer group",
        "split the pipeline",
    ),
    Code("E023", "unknown key “{key}” in {where}", "known here: {known}", "{advice}"),
    Code("E024", "{where} lacks “{key}”", "{why}", "add `{key}: {example}`"),
    Code("E025", "{what} must be {wanted}, not {found}", "a value of another type would be guessed at", "{advice}"),
    Code(
        "E026",
        "“{text}” is not a duration",
        "a duration is a whole number with ms, s, m or h",
        "write for example 200ms, 90s, 15m or 24h",
    ),
    Code("E027", "“{text}” is not an amount of money", "an amount is a number and USD", "write for example 0.05 USD"),
    Code("E028", "{what} is {text}, which is out of range", "allowed are {low} to {high}", "choose a value in between"),
    Code(
        "E030",
        "“{name}” cannot be the name of a {thing}",
        "it becomes part of topic names: a letter, then up to 39 of a-z, 0-9 and -",
        "{advice}",
    ),
    Code(
        "E031",
        "the step name “{name}” is reserved",
        "{pipeline}.{name} is a topic or group of the system itself",
        "choose another name",
    ),
    Code(
        "E032",
        "the edge to “{name}” {trouble}",
        "an edge is taken always, `when` a rule holds, `otherwise`, or once for `each` item of a list",
        "{advice}",
    ),
    Code("E033", "{what} cannot be “{text}”", "it is one of: {known}", "{advice}"),
    Code(
        "E034",
        "“{text}” is not the name of a contract",
        "a contract is named <namespace>.<Name>, after its file",
        "write for example orders.OrderPlaced for schemas/avro/orders/OrderPlaced.avsc",
    ),
    Code("E035", "“{text}” does not name a handler", "a handler is named module:attribute", "{advice}"),
    Code(
        "E036",
        "the setting “{key}” looks like a secret in clear text",
        "a topology is printed, stored and sent around",
        "keep it in a file or the environment and name that here: {key}_file or {key}_env",
    ),
    Code(
        "E037",
        "“{text}” would need a variable",
        "a topology is the same everywhere: nothing in it is replaced",
        "write the value, or let the handler read its environment",
    ),
    Code("E038", "a key must be text, not {found}", "every key here is a name", "put it in quotes"),
)

_THE_WIRING = (
    Code("E039", "output “{name}” does not fit the door of “{into}”: {trouble}", "{why}", "{advice}"),
    Code("E040", "{where} names the step “{name}”, which does not exist", "known steps: {known}", "{advice}"),
    Code(
        "E041",
        "the steps go in a circle: {circle}",
        "a run that goes in a circle has no end and no bound",
        "remove one of these edges",
    ),
    Code(
        "E042",
        "step “{name}” leads to itself",
        "a run that goes in a circle has no end and no bound",
        "remove “{name}” from its own `to:`; repeated trying is `attempts:`",
    ),
    Code(
        "E043",
        "step “{name}” is never reached",
        "nothing leads to it, and nobody names it as fallback",
        "name it in a `to:`, or remove it",
    ),
    Code(
        "E044",
        "step “{name}” leads nowhere",
        "every path must end in an effect or an output",
        "give it a `to:` that leads to an end",
    ),
    Code("E045", "“{name}” is named twice", "a step runs at most once per run", "name it once"),
    Code("E046", "nothing can come after the {kind} “{name}”", "it is an end", "remove its `to:`"),
    Code(
        "E047",
        "ingress cannot lead to the {kind} “{name}”",
        "what comes from outside meets a worker or a router first",
        "put a worker in between",
    ),
    Code(
        "E048",
        "two paths meet at “{name}”, from {sources}",
        "it could run twice: these paths are no alternatives, and a step runs at most once per run",
        "let an aggregator join them, or let only one be taken: `when` and `otherwise`, or a router",
    ),
    Code(
        "E049",
        "aggregator “{name}”: `of` is not what leads to it: {difference}",
        "it waits for exactly the steps whose `to:` names it",
        "make both say the same",
    ),
    Code(
        "E050",
        "the effect “{name}” has no gate: {source} leads straight to it",
        "nothing acts on the world before a validator has passed it",
        "put a validator between them",
    ),
    Code(
        "E051",
        "step “{name}” leads to “{other}” beside its gate “{gate}”",
        "the gate may ask for a {what}, and “{other}” would run a second time",
        "let the gate lead to “{other}”",
    ),
    Code(
        "E052",
        "validator “{name}” judges “{of}”, but {sources} leads to it",
        "a gate judges the step right before it",
        "{advice}",
    ),
    Code(
        "E053",
        "nobody could hand in a decision for “{name}”",
        "a decision re-enters through a gate: a validator that is the step's only successor",
        "put a validator of “{name}” behind it, alone, or do not ask for a review",
    ),
    Code(
        "E054",
        "“{name}” cannot ask people",
        "the join “{join}” can be completed without its branch “{branch}”, and cannot wait for people",
        "ask for the review behind the join, or do not ask",
    ),
    Code(
        "E055",
        "fallbacks go in a chain: {chain}",
        "a fallback is the last resort of one step, and has none itself",
        "remove this `fallback:`",
    ),
    Code("E056", "the fallback “{name}” is {article} {kind}", "only a worker can do a worker's work", "name a worker"),
    Code(
        "E057",
        "“{name}” is the fallback of two steps, {first} and {second}",
        "it takes contracts and successors from the one step it acts for",
        "write a second fallback",
    ),
    Code(
        "E058",
        "“{name}” is a fallback and stands in the graph as well",
        "a fallback runs only in another step's place; {source} leads to it",
        "remove one of the two",
    ),
    Code(
        "E059",
        "the fallback “{name}” has its own “{key}”",
        "it takes that from “{of}”, which it acts for",
        "remove this key",
    ),
    Code(
        "E060",
        "validator “{name}” asks for a fallback, but “{of}” has none",
        "there would be nobody to ask",
        "{advice}",
    ),
)

_THE_MERGES = (
    Code(
        "E061",
        "`{key}:` means nothing under policy {policy}",
        "it belongs to {having}",
        "remove `{key}:`, or write another policy",
    ),
    Code("E062", "the voice of “{name}” weighs nothing", "it could as well not be asked", "write a number above 0"),
    Code("E063", "`{key}:` names “{name}”, which is no branch of “{step}”", "its branches are: {known}", "{advice}"),
    Code(
        "E064",
        "policy weighted has {trouble}",
        "a voice weighs what `weights:` says of its branch, or what the field `weight:` of its value says",
        "give exactly one of them",
    ),
    Code("E065", "`weights:` leaves out {names}", "every branch has a voice", "say what {names} weighs"),
    Code(
        "E066",
        "two different answers could each have {k} of {n} voices",
        "a quorum concludes with the first answer that has enough, and that must not depend on who was faster",
        "write min_agree: {majority}, or use policy vote, which has a rule for ties",
    ),
    Code("E067", "policy {policy} cannot use “{field}”: {trouble}", "{why}", "{advice}"),
    Code(
        "E068",
        "a tolerance, but “{field}” is {kind}",
        "only numbers are nearly the same; anything else is the same or is not",
        "remove `tolerance:`, or compare a number",
    ),
    Code("E069", "“{name}” is named twice in `{key}:`", "a branch has one place in an order", "name it once"),
    Code(
        "E085",
        "the judge “{name}” reads {found}",
        "it is asked with what all branches said: {expected}",
        "write `reads: {expected}`, or leave `reads:` out",
    ),
    Code("E086", "the judge “{name}” is {article} {kind}", "only a worker can be asked", "name a worker"),
)

_WHAT_IS_SAID = (
    Code("E070", "there is no contract “{name}”", "known are: {known}", "{advice}"),
    Code(
        "E071",
        "“{name}” {verb} {found}, but {source} writes {expected}",
        "a step reads what the one before it wrote, and a fallback writes what the step would have",
        "write {expected} here, or let a worker translate",
    ),
    Code("E072", "the event id “{field}” {trouble}", "an event is known by a text field of {contract}", "{advice}"),
    Code(
        "E073",
        "the branches cannot be compared by “{field}”: {trouble}",
        "what is compared must be a field that all branches have",
        "{advice}",
    ),
    Code(
        "E074",
        "the key “{field}” {trouble}",
        "an output is keyed by a text or whole-number field of {contract}",
        "{advice}",
    ),
    Code(
        "E075",
        "nothing fills {field} of {contract}",
        "policy {policy} without `run:` {rule}",
        "let `merge.run:` build the value, or change the contract",
    ),
    Code(
        "E076",
        "the rule does not fit {contract}: {problem}",
        "a rule is checked against the contract it will meet",
        "{advice}",
    ),
    Code(
        "E077", "the rule does not answer yes or no: {problem}", "a value passes only where a rule is true", "{advice}"
    ),
    Code(
        "E078",
        "the path “{path}” leads nowhere in {contract}: {trouble}",
        "a verdict points at the field it is about (JSON pointer)",
        "{advice}",
    ),
)

_WHAT_RUNS = (
    Code("E080", "cannot import “{path}”", "{problem}", "{advice}"),
    Code("E081", "“{path}” is {found}, not something to call", "a handler is a function or a class", "{advice}"),
    Code("E082", "“{path}” cannot be called as {wanted}", "{problem}", "make it {wanted}"),
    Code("E083", "{what}", "a check is a `rule:` or a `run:`, and a gate has at least one", "{advice}"),
    Code("E084", "{what}", "{why}", "{fix}"),
)

_HOW_OFTEN = (
    Code(
        "E079",
        "validator “{name}” asks for re-runs, but “{of}” is {article} {kind}",
        "only a worker can do better when it knows the verdict: a join's branches are what they are",
        "remove `reruns:`, or judge a worker",
    ),
    Code(
        "E094",
        "{where}: a pause of {text} is too long",
        "nobody but its gate may write to an effect, so it waits in memory, {most} at the most",
        "write at most {most}",
    ),
)

_HOW_MUCH = (
    Code(
        "E090",
        "the deadline of {deadline} cannot hold: {path} may take {needed}",
        "attempts x timeout and the pauses between, along the longest path",
        "allow at least {needed}, or try less",
    ),
    Code(
        "E091",
        "“{name}” waits {wait}, longer than the deadline of {deadline}",
        "the run would be over before the wait is",
        "wait less, or leave `wait:` out: then it is the rest of the deadline",
    ),
    Code(
        "E092",
        "a run may need {needed} tasks; {limit} are allowed",
        "most of it: {largest}",
        "allow {needed}, or try less",
    ),
    Code("E093", "a run may cost {needed}; {limit} is allowed", "most of it: {largest}", "allow {needed}, or try less"),
)

_ALL = (*_THE_FILE, *_THE_WIRING, *THE_BRANCHES, *_THE_MERGES, *_WHAT_IS_SAID, *_WHAT_RUNS, *_HOW_OFTEN, *_HOW_MUCH)

CODES = {entry.code: entry for entry in _ALL}
