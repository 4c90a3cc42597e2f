#!/bin/sh
# One of two agents that join three paths: bonding-agent.sh site|hq FOLDER SAT_SITE SAT_HQ LTE_SITE LTE_HQ ADHOC_SITE ADHOC_HQ
#
# Writes its configuration into FOLDER and becomes the agent. Its interface for IP also has the address 10.10.0.1 (site)
# or 10.10.0.2 (hq), which the mesh knows as a network behind the node. To be started in the repository's root.
set -eu
side=$1 folder=$2
shift 2
if [ "$side" = site ]; then
  local=1 own=10.10.0.1 role=vehicle
else
  local=2 own=10.10.0.2 role=headquarters
fi

bearer() { # name kind latency bitrate cost shared-risk site hq
  if [ "$side" = site ]; then here=$7 there=$8; else here=$8 there=$7; fi
  cat <<YAML
  - {type: udp, name: $1, kind: $2, bind: "$here:4700", neighbours: ["$there:4700"], latencyMs: $3, bitrateBps: $4, costCentsPerMegabyte: $5, sharedRisk: [$6]}
YAML
}

cat > "$folder/$side.yaml" <<YAML
node: {name: $side, address: "1.$local", id: $local, role: $role}
mission: {key: "$(printf '5e%.0s' $(seq 32))"}
state: $folder/state-$side
bearers:
$(bearer sat satellite 300 2000000 5 satellite "$1" "$2")
$(bearer lte cellular 30 20000000 1 operator "$3" "$4")
$(bearer adhoc udp 5 5000000 0 mast "$5" "$6")
ip:
  prefixes: [$own/32]
  classes: [{ports: 7000, protocol: udp, class: voice, critical: true}]
api: {listen: "127.0.0.1:0"}
log: warn
YAML
exec node_modules/node/bin/node --v8-pool-size=0 scenarios/bin/skein.mjs agent --config "$folder/$side.yaml"
