#!/bin/sh
# Installs kt, without sudo: finds this machine's binary, checks its SHA-256 sum, and puts it into ~/.local/bin.
#
#   ./install.sh                       from dist/ beside this script, as `bun run build --all` made it
#   ./install.sh --from FOLDER_OR_URL  from a folder or a URL base that holds the binaries and SHA256SUMS
#   ./install.sh --prefix DIR          into DIR/bin instead of ~/.local/bin
#   ./install.sh --uninstall           removes what was installed
set -eu

fail() {
  printf 'install.sh: error: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf 'install.sh: hint: %s\n' "$2" >&2
  exit 1
}

from=$(dirname -- "$0")/dist
prefix=$HOME/.local
uninstall=no
while [ $# -gt 0 ]; do
  case $1 in
    --from) [ $# -ge 2 ] || fail '--from wants a folder or a URL'; from=$2; shift 2 ;;
    --prefix) [ $# -ge 2 ] || fail '--prefix wants a folder'; prefix=$2; shift 2 ;;
    --uninstall) uninstall=yes; shift ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown option \"$1\"" './install.sh --help' ;;
  esac
done
target=$prefix/bin/kt

if [ "$uninstall" = yes ]; then
  [ -e "$target" ] || fail "\"$target\" is not there"
  rm -- "$target"
  printf 'removed %s\n' "$target"
  exit 0
fi

# The names that scripts/build.ts gives: kt-OS-CPU, and -musl where the C library is musl.
case $(uname -s) in
  Linux) os=linux ;;
  Darwin) os=darwin ;;
  *) fail "kt has no binary for $(uname -s)" 'on Windows, use it in WSL2' ;;
esac
case $(uname -m) in
  x86_64 | amd64) cpu=x64 ;;
  aarch64 | arm64) cpu=arm64 ;;
  *) fail "kt has no binary for $(uname -m)" ;;
esac
# glibc's loader is at one of these places; where there is none, the C library is musl.
libc=-musl
for loader in /lib/ld-linux-* /lib64/ld-linux-* /lib/*/ld-linux-*; do [ ! -e "$loader" ] || libc=; done
[ "$os" = linux ] || libc=
name=kt-$os-$cpu$libc

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

fetch() { # file, where to
  case $from in
    http://* | https://*)
      if command -v curl >/dev/null; then curl -fsSL "$from/$1" -o "$2"
      elif command -v wget >/dev/null; then wget -qO "$2" "$from/$1"
      else fail 'neither curl nor wget is installed'; fi ;;
    *) cp -- "$from/$1" "$2" ;;
  esac || fail "could not get \"$1\" from \"$from\"" "${3:-}"
}
sum() { # file
  if command -v sha256sum >/dev/null; then sha256sum "$1" | cut -d' ' -f1; else shasum -a 256 "$1" | cut -d' ' -f1; fi
}

fetch SHA256SUMS "$work/SHA256SUMS" 'npx --yes bun@1.4.5 run build --all'
wanted=$(sed -n "s/^\([0-9a-f]\{64\}\)  $name\$/\1/p" "$work/SHA256SUMS")
[ -n "$wanted" ] || fail "SHA256SUMS has no line for \"$name\""
fetch "$name" "$work/kt"
[ "$(sum "$work/kt")" = "$wanted" ] || fail "the sum of \"$name\" is wrong: nothing was installed" 'download it again'

mkdir -p -- "$prefix/bin" 2>/dev/null && [ -w "$prefix/bin" ] || fail "\"$prefix/bin\" cannot be written" './install.sh --prefix DIR'
chmod 755 "$work/kt"
installed=$("$work/kt" version) || fail "\"$name\" does not run on this machine: nothing was installed"
# Beside the old one and then renamed: a running kt keeps its file, and there is never half of a new one.
cp -- "$work/kt" "$target.new" && mv -f -- "$target.new" "$target"
printf 'installed %s as %s\n' "$installed" "$target"
case :$PATH: in
  *:"$prefix/bin":*) ;;
  *) printf 'add it to your PATH: export PATH="%s:$PATH"\n' "$prefix/bin" ;;
esac
