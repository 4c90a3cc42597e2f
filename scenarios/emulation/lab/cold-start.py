#!/usr/bin/env python3
"""When the last agent was on the air, and how much later all pairs had exchanged a packet.

    SKEIN_LAB_JOURNALS=DIR lab.py steady --system .../skein.py --topo grid7 --out OUT
    cold-start.py DIR OUT/steady-skein-default-grid7-p2p-steady.json
"""
import glob
import json
import os
import sys


def main():
    journals, result = sys.argv[1:]
    with open(os.path.join(journals, "begin")) as f:
        begin = float(f.read())
    up = []
    for name in glob.glob(os.path.join(journals, "*.jsonl")):
        with open(name) as f:
            events = [json.loads(line) for line in f]
        first = {}
        for e in events:
            if e["e"] == "bearer" and e["up"]:
                first.setdefault(e["bearer"], e["atUs"])
        up.append(max(first.values()) / 1e6 - begin)
    with open(result) as f:
        all_pairs = json.load(f)["cold_start"]["all_s"]
    first, last = min(up), max(up)
    print(json.dumps(dict(agents=len(up), firstUpS=round(first, 2), lastUpS=round(last, 2), allPairsS=all_pairs,
                          afterLastUpS=round(all_pairs - last, 2) if all_pairs else None)))


main()
