#!/usr/bin/env bash
# Makes the virtual environment DIR hold what a lock file names, and nothing is done when it already does.
#
#     requirements/venv.sh DIR LOCK [FALLBACK_LOCK]
#
# PYTHON=/path/to/python chooses the interpreter (3.11 or newer); without it DIR's own is kept, else one is
# looked for. FALLBACK_LOCK is installed where LOCK cannot be, for example on a platform without its wheels.
# A run that was interrupted is made good by the next one; two runs at once wait for each other.
set -euo pipefail

if (($# < 2 || $# > 3)); then
    sed -n '4p' "${BASH_SOURCE[0]}" | sed 's/^# */usage: /' >&2
    exit 2
fi
venv=$1 lock=$2 fallback=${3:-}
complete=$venv/.installed incomplete=$venv/.installing log=$venv/.pip.log

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# --- a Python that is new enough and whole ------------------------------------------------------------------

probe='
import sys
if sys.version_info < (3, 11):
    raise SystemExit("it is Python %d.%d, and 3.11 or newer is needed" % sys.version_info[:2])
for module in ("venv", "ensurepip", "ssl", "sqlite3"):
    try:
        __import__(module)
    except ImportError:
        raise SystemExit("it has no module " + module)
print("%d.%d" % sys.version_info[:2], sys.base_prefix)
'

identify() { # prints version and prefix, or fails saying why (a pyenv shim, for one, may exist and not run)
    "$1" -c "$probe" 2>&1
}

find_python() {
    # Those first for which every package comes ready made.
    local candidates=("$venv/bin/python" python3.12 python3.11 python3.13 python3) candidate refused=()
    [[ -z ${PYTHON:-} ]] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        if ! command -v "$candidate" >/dev/null 2>&1; then
            [[ -z ${PYTHON:-} ]] || refused+=("  $candidate: there is no such program")
            continue
        fi
        if identity=$(identify "$candidate"); then
            python=$candidate
            return
        fi
        refused+=("  $(command -v "$candidate"): $(head -n 1 <<<"$identity")")
    done
    fail "No usable Python was found (3.11 or newer, with the modules venv and sqlite3)." \
        "${refused[@]+"${refused[@]}"}" \
        "Debian, Ubuntu: sudo apt install python3 python3-venv. Others: https://www.python.org/downloads/" \
        "PYTHON=/path/to/python chooses one."
}

# --- the environment ----------------------------------------------------------------------------------------

fingerprint() { # of the wish: interpreter and lock files
    "$python" - "$identity" "$lock" ${fallback:+"$fallback"} <<'PY'
import hashlib, pathlib, sys

digest = hashlib.sha256(sys.argv[1].encode())
for name in sys.argv[2:]:
    digest.update(hashlib.sha256(pathlib.Path(name).read_bytes()).digest())
print(digest.hexdigest())
PY
}

make_empty() {
    if [[ -e $venv/pyvenv.cfg || -e $incomplete || -z $(ls -A "$venv") ]]; then
        [[ $python != "$venv"/* ]] || python=$("$python" -c 'import sys; print(sys._base_executable)')
        find "$venv" -mindepth 1 -delete
        : >"$incomplete"
        "$python" -m venv "$venv" >"$log" 2>&1 ||
            fail "$python could not make a virtual environment in $venv:" "$(tail -n 3 "$log")"
    else
        fail "$venv exists and is not a virtual environment: move it away, or choose another directory."
    fi
}

install() { # install LOCK: pip, quiet, with one line that tells how far it is
    local total started=$SECONDS state=0 line
    total=$(grep -c '^[a-zA-Z0-9]' "$1")
    : >"$log"
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off \
        --require-hashes --requirement "$1" >>"$log" 2>&1 &
    pip=$!
    [[ -t 1 ]] || printf 'Installing packages from %s …\n' "${1##*/}"
    while kill -0 "$pip" 2>/dev/null; do
        line="Installing packages from ${1##*/}: $(grep -c '^Collecting' "$log" || true) of up to $total"
        [[ ! -t 1 ]] || printf '\r%s, %d s ' "$line" $((SECONDS - started))
        sleep 0.5
    done
    wait "$pip" || state=$?
    pip=
    [[ ! -t 1 ]] || printf '\r\033[K'
    if ((state == 0)); then
        printf 'Packages of %s installed in %d s.\n' "${1##*/}" $((SECONDS - started))
        rm -f "$log"
    fi
    return "$state"
}

why() { # the last words of pip
    grep -iE '^error' "$log" | tail -n 3 | cut -c 1-300 || tail -n 3 "$log"
}

pip=
interrupted() {
    [[ -z $pip ]] || kill "$pip" 2>/dev/null || true
    exit "$1"
}
trap 'interrupted 130' INT
trap 'interrupted 143' TERM HUP

for file in "$lock" ${fallback:+"$fallback"}; do
    [[ -r $file ]] || fail "The lock file $file cannot be read."
done
find_python
mkdir -p "$venv" 2>/dev/null || fail "The directory $venv cannot be made."

# A lock on the directory itself leaves no file behind, ends with this process and needs no flock command.
exec 9<"$venv"
"$python" -c '
import fcntl
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("Another run is installing packages; waiting for it.", flush=True)
    fcntl.flock(9, fcntl.LOCK_EX)
'

wish=$(fingerprint)
[[ -x $venv/bin/python && -e $complete && $(<"$complete") == "$wish" ]] && exit 0

rm -f "$complete"
[[ -e $venv/pyvenv.cfg && ! -e $incomplete && $(identify "$venv/bin/python") == "$identity" ]] || make_empty
: >"$incomplete"
if ! install "$lock"; then
    [[ -n $fallback ]] || fail "The packages of $lock could not be installed:" "$(why)" "All of it: $log"
    printf '%s cannot be installed here, so %s is taken:\n%s\n' "${lock##*/}" "${fallback##*/}" "$(why)"
    install "$fallback" || fail "The packages of $fallback could not be installed:" "$(why)" "All of it: $log"
fi
printf '%s' "$wish" >"$complete"
rm -f "$incomplete"
