#!/bin/sh
# Install the named Debian packages when a probe says that they are missing.
# usage: install_system_packages.sh run|test|sim   It never touches what is already there.
set -eu
wanted=""
need() { command -v "$1" >/dev/null 2>&1 || wanted="$wanted $2"; }
python=${PYTHON:-python3}
need "$python" python3
need gcc gcc
# venv without ensurepip cannot make an environment; a C extension needs Python.h.
"$python" -c 'import ensurepip, venv' 2>/dev/null || wanted="$wanted python3-venv"
"$python" -c 'import os, sysconfig; raise SystemExit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' ||
    wanted="$wanted python3-dev"
echo '#include <stdint.h>' | gcc -E - >/dev/null 2>&1 || wanted="$wanted libc6-dev"
case "$1" in
run) ;;
test) need tshark tshark ;;
sim)
    need g++ g++
    need perl perl
    need ccache ccache
    need iverilog iverilog
    [ -e /usr/include/lz4.h ] || wanted="$wanted liblz4-dev"
    [ -e /usr/include/zlib.h ] || wanted="$wanted zlib1g-dev"
    ;;
*)
    echo "usage: $0 run|test|sim" >&2
    exit 2
    ;;
esac
[ -z "$wanted" ] && exit 0
if [ "$(id -u)" = 0 ]; then sudo=""; elif command -v sudo >/dev/null 2>&1; then sudo="sudo"; else
    echo "missing Debian packages:$wanted; install them as root: apt-get install$wanted" >&2
    exit 1
fi
command -v apt-get >/dev/null 2>&1 || {
    echo "missing:$wanted; this is not a Debian system, install them with its own package manager" >&2
    exit 1
}
echo "installing Debian packages:$wanted"
$sudo apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $sudo ${sudo:+-E} apt-get install -y -qq --no-install-recommends $wanted >/dev/null
