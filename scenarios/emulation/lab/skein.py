"""Skein in a routing lab of network namespaces: `lab.py failover --system path/to/this/file`.

One agent a node, with an interface for IP and nothing else: no voice, no position, no media process.

With SKEIN_LAB_JOURNALS=FOLDER every agent keeps a journal there, and `begin` holds when the first one was started, on
the same clock: `cold-start.py` beside this file makes of it when the last one was up.
"""
import json
import os
import subprocess
import time

from lab import System

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
NODE = os.path.join(ROOT, "node_modules/node/bin/node")
COMMAND = os.path.join(ROOT, "scenarios/bin/skein.mjs")
BUNDLE = os.path.join(ROOT, "scenarios/tools/bundle.ts")
AREA = 1
FLOW_PORT = 40001
# A pair of virtual interfaces has no rate of its own; this is more than the machine can do.
LINK_BPS = 1_000_000_000
MISSION_KEY = "5e" * 32
JOURNALS = os.environ.get("SKEIN_LAB_JOURNALS")


class Plugin(System):
    configs = {
        "default": dict(settle=4, jitter=1),
        "critical": dict(settle=4, jitter=1, critical=True),
        "radio": dict(settle=4, jitter=1),
    }

    def version(self):
        with open(os.path.join(ROOT, "package.json")) as f:
            number = json.load(f)["version"]
        commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
        return f"{number} {commit.stdout.strip()}".strip()

    def address(self, node):
        return f"fd73:6b65:696e::{AREA << 8 | self.local(node):x}"

    def local(self, node):
        return node.i + 1

    def prepare(self, lab):
        # A second here for half of the start of each agent; without it the sources run.
        subprocess.run([NODE, BUNDLE])
        if JOURNALS:
            os.makedirs(JOURNALS, exist_ok=True)
            with open(os.path.join(JOURNALS, "begin"), "w") as f:
                f.write(str(time.monotonic()))

    def start(self, node):
        local = self.local(node)
        medium = "shared" if node.lab.medium == "radio" else "point-to-point"
        flow = dict(ports=str(FLOW_PORT), protocol="udp", **{"class": "voice"}, critical=bool(self.o.get("critical")))
        config = dict(
            node=dict(name=node.name, address=f"{AREA}.{local}", id=local, role="relay"),
            mission=dict(key=MISSION_KEY),
            state=os.path.join(node.dir, "state"),
            bearers=[
                dict(type="udp", name=name, discover=dict(interfaces=[name]), medium=medium, bitrateBps=LINK_BPS)
                for name in node.ifaces
            ],
            ip=dict(classes=[flow]),
            api=dict(listen="127.0.0.1:0"),
            log="warn",
        )
        if JOURNALS:
            config["journal"] = os.path.join(JOURNALS, f"{node.name}.jsonl")
        # YAML takes JSON as it is.
        node.spawn([NODE, "--v8-pool-size=0", COMMAND, "agent", "--config", node.write("agent.yaml", json.dumps(config))])
