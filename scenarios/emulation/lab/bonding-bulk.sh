#!/bin/sh
# One of two agents that join three paths: bonding-bulk.sh site|hq FOLDER SAT_SITE SAT_HQ LTE_SITE LTE_HQ ADHOC_SITE ADHOC_HQ
#
# Writes its configuration into FOLDER and becomes the agent. TCP is split at both, all paths cost nothing. The interface
# for IP also has the address 10.10.0.1 (site) or 10.10.0.2 (hq), a network behind the node to the mesh. To be started in
# the repository's root. Rates are said a quarter too high: bulk finds out what there is, and must not be held below. SKEIN_BONDING_SPLIT=false leaves TCP whole; SKEIN_BONDING_PATHS names the bearers, all by default.
set -eu
side=$1 folder=$2
shift 2
if [ "$side" = site ]; then
  local=1 own=10.10.0.1 role=vehicle
else
  local=2 own=10.10.0.2 role=headquarters
fi

bearer() { # name kind latency bitrate site hq
  case " ${SKEIN_BONDING_PATHS:-sat lte adhoc} " in *" $1 "*) ;; *) return 0 ;; esac
  if [ "$side" = site ]; then here=$5 there=$6; else here=$6 there=$5; fi
  cat <<YAML
  - {type: udp, name: $1, kind: $2, bind: "$here:4700", neighbours: ["$there:4700"], latencyMs: $3, bitrateBps: $4, mtuOctets: 1424}
YAML
}

cat > "$folder/$side.yaml" <<YAML
node: {name: $side, address: "1.$local", id: $local, role: $role}
mission: {key: "$(printf '5e%.0s' $(seq 32))"}
state: $folder/state-$side
bearers:
$(bearer sat satellite 300 2500000 "$1" "$2")
$(bearer lte cellular 30 25000000 "$3" "$4")
$(bearer adhoc udp 5 6500000 "$5" "$6")
ip:
  prefixes: [$own/32]
  splitTcp: ${SKEIN_BONDING_SPLIT:-true}
api: {listen: "127.0.0.1:4780"}
log: warn
YAML
exec node_modules/node/bin/node --v8-pool-size=0 scenarios/bin/skein.mjs agent --config "$folder/$side.yaml"
