"""Judge every claim of the papers from the run folders; write results/claims.json and the README's table.

rulebook claims
rulebook claims --json
rulebook claims V1 V5
"""

from __future__ import annotations

import argparse
import json

from rulebook.claims import CLAIMS, VERDICTS, judge_all, write
from rulebook.publishing import readme
from rulebook.registry import suggestion
from rulebook.results import Results
from rulebook.training.faults import Fault


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "rulebook claims", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ids", nargs="*", help="only these claims, for example V1 O12 (writes no file)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="print the counts only")
    options = parser.parse_args(arguments)
    known = {claim.id: claim for claim in CLAIMS}
    for name in options.ids:
        if name not in known:
            raise Fault(f"There is no claim '{name}'{suggestion(name, known)}.")
    results = Results()
    entries = judge_all([known[name] for name in options.ids] if options.ids else CLAIMS, results)
    if not options.ids:
        write(entries, results.folder / "claims.json")
        readme.refresh(results.root, entries)
    if options.json:
        print(json.dumps(entries, indent=1, ensure_ascii=False))
        return 0
    for entry in [] if options.quiet else entries:
        print(f"{entry['id']:4} {entry['verdict']:15} {entry['statement']}")
        if options.ids:
            print(f"{'':20} rule: {entry['rule']}")
        if entry["ours"]["mean"] is not None:
            ours = entry["ours"]
            seeds = f"{ours['n_seeds']} seed{'s' if ours['n_seeds'] != 1 else ''}"
            print(f"{'':20} ours: {ours['mean']:.4g} {entry['unit']}, {seeds}, {entry['profile']}")
        if entry["note"]:
            print(f"{'':20} {entry['note']}")
    counts = [f"{sum(entry['verdict'] == verdict for entry in entries)} {verdict}" for verdict in VERDICTS]
    print(f"[claims] {', '.join(counts)}", flush=True)
    return 0
