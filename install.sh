#!/bin/sh
# Installs kt, without sudo: finds this machine's binary, checks its SHA-256 sum, and puts it into ~/.local/bin.
# Everything is in functions, and the last line starts them: a download of this script that was cut off does nothing.
set -eu

# Where the releases are: scripts/release.ts writes it here. A checkout has none: there this file installs from the dist/ beside it.
releases=

usage() {
  cat <<'EOF'
Installs or updates kt, without sudo.

  install.sh                       the newest release; in a checkout what `bun run build --all` made
  install.sh --version 0.1.0       that release
  install.sh --from FOLDER_OR_URL  from a folder or a URL that holds the binaries and SHA256SUMS
  install.sh --prefix DIR          into DIR/bin instead of ~/.local/bin
  install.sh --force               also an older version, and over another program of that name
  install.sh --uninstall           removes what was installed, and says what stays
EOF
}

say() { printf '%s\n' "$1"; }

fail() { # sentence, hint
  printf 'install.sh: error: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf 'install.sh: hint: %s\n' "$2" >&2
  exit 1
}

main() {
  from='' version='' prefix=${HOME:+$HOME/.local} force=no task=install
  while [ $# -gt 0 ]; do
    case $1 in
      --from | --version | --prefix)
        [ -n "${2:-}" ] || fail "$1 wants a value" 'install.sh --help'
        case $1 in
          --from) from=$2 ;;
          --version) version=${2#v} ;;
          --prefix) prefix=$2 ;;
        esac
        shift 2 ;;
      --from=* | --version=* | --prefix=*)
        option=$1
        shift
        set -- "${option%%=*}" "${option#*=}" "$@" ;;
      --force) force=yes; shift ;;
      --uninstall) task=uninstall; shift ;;
      -h | --help) usage; exit 0 ;;
      *) fail "unknown option \"$1\"" 'install.sh --help' ;;
    esac
  done
  [ -n "$prefix" ] || fail 'HOME is not set' 'install.sh --prefix DIR'
  case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
  bin=$prefix/bin target=$prefix/bin/kt
  [ ! -d "$target" ] || fail "\"$target\" is a folder"
  old=$(identity "$target")
  if [ -z "$old" ] && [ "$force" = no ] && { [ -e "$target" ] || [ -L "$target" ]; }; then
    fail "\"$target\" is not kt, or does not run" 'see what it is, then: install.sh --force'
  fi
  "$task"
}

# What a kt says of itself, as "kt 0.1.0 (COMMIT) linux-x64"; nothing for a program that is not kt or does not run.
identity() { # file
  [ ! -x "$1" ] || "$1" version </dev/null 2>/dev/null | sed -n '1s/^kt [0-9]/&/p'
}

number() { # identity: the version in it
  set -- "${1#kt }"
  printf '%s' "${1%% *}"
}

older() { # version, version: whether the first is the older one; a pre-release is older than its release
  a=${1%%-*} b=${2%%-*}
  while [ "$a" != "$b" ]; do
    [ "${a%%.*}" = "${b%%.*}" ] || { [ "${a%%.*}" -lt "${b%%.*}" ] 2>/dev/null; return; }
    a=${a#*.} b=${b#*.}
  done
  case $1 in *-*) case $2 in *-*) return 1 ;; *) return 0 ;; esac ;; *) return 1 ;; esac
}

# The names that scripts/build.ts gives: kt-OS-CPU, and -musl where the C library is musl.
platform() {
  case $(uname -s) in
    Linux) os=linux ;;
    Darwin) os=darwin ;;
    *) fail "kt has no binary for $(uname -s)" 'on Windows, use it in WSL2' ;;
  esac
  case $(uname -m) in
    x86_64 | amd64) cpu=x64 ;;
    aarch64 | arm64) cpu=arm64 ;;
    *) fail "kt has no binary for $(uname -m)" 'it runs on x64 and arm64' ;;
  esac
  if [ "$os" = darwin ]; then
    # Under Rosetta, uname says x86_64 on an arm64 Mac.
    [ "$(sysctl -n hw.optional.arm64 2>/dev/null)" != 1 ] || cpu=arm64
    say "kt-darwin-$cpu"
  else
    # Byte 4 of an ELF file is 1 for 32 bits: such a system may well have a 64-bit kernel.
    [ "$(head -c 5 /bin/sh | tail -c 1)" != "$(printf '\001')" ] || fail 'kt has no binary for a 32-bit system'
    say "kt-linux-$cpu$(libc)"
  fi
}

# What this system's own shell is linked with comes first: musl systems may hold glibc's loader as well.
libc() {
  if tr '\000' '\n' </bin/sh | grep -q '^/lib/ld-musl-'; then say -musl; return; fi
  for loader in /lib/ld-linux-* /lib64/ld-linux-* /lib/*/ld-linux-*; do [ ! -e "$loader" ] || return 0; done
  say -musl
}

source_of_files() {
  [ -z "$from" ] || [ -z "$version" ] || fail '--from and --version exclude each other'
  if [ -n "$from" ]; then say "${from%/}"
  elif [ -n "$releases" ] && [ -n "$version" ]; then say "$releases/download/v$version"
  elif [ -n "$releases" ]; then say "$releases/latest/download"
  elif [ -n "$version" ]; then fail 'a checkout holds no releases' 'install.sh --from FOLDER_OR_URL'
  elif [ "${0##*/}" = install.sh ] && [ -f "$0" ]; then say "$(dirname -- "$0")/dist"
  # Through a pipe $0 is the shell, and a dist/ in the working folder may be anyone's.
  else fail 'this installer does not know where the releases are' 'sh -s -- --from FOLDER_OR_URL'; fi
}

# A redirect from https must not lead to anything that can be read or changed on the way.
download() { # URL, where to
  if command -v curl >/dev/null; then
    progress=-sS
    [ ! -t 2 ] || progress=-#
    protocols='=https'
    case $1 in http://*) protocols='=http,https' ;; esac
    # -q: a ~/.curlrc may send the output elsewhere, or turn checks off.
    curl -q -fL $progress --proto "$protocols" --proto-redir "$protocols" --tlsv1.2 --connect-timeout 20 "$1" -o "$2"
  elif command -v wget >/dev/null; then
    # wget has no option for it: what is not https goes to a proxy that is not there.
    case $1 in https://*) export http_proxy=http://refused.invalid ftp_proxy=http://refused.invalid ;; esac
    # GNU's would try twenty times, and busybox's knows no -t.
    case $(wget --version 2>/dev/null) in
      GNU*) wget -q -t 2 -O "$2" "$1" ;;
      *) wget -q -O "$2" "$1" ;;
    esac
  else fail 'neither curl nor wget is installed'; fi
}

fetch() { # file, where to
  case $from in
    http://* | https://*) download "$from/$1" "$2" ;;
    *) cp -- "$from/$1" "$2" ;;
  esac || fail "could not get \"$1\" from \"$from\": nothing was installed" "${3:-}"
}

# The first that is there: Linux has sha256sum, macOS shasum.
find_sum_program() {
  for sum_program in 'sha256sum' 'shasum -a 256' 'openssl dgst -sha256 -r'; do
    ! command -v "${sum_program%% *}" >/dev/null || return 0
  done
  fail 'none of sha256sum, shasum and openssl is installed'
}

sum() { # file
  # shellcheck disable=SC2086 # the words of a command
  $sum_program <"$1" | cut -d' ' -f1
}

# In the folder of the target, so that the last step is a rename, and the binary can be tried where /tmp is noexec.
make_room() {
  above=$bin work=''
  while [ ! -d "$above" ]; do above=$(dirname -- "$above"); done
  trap clean_up EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  work=$(mkdir -p -- "$bin" 2>/dev/null && mktemp -d "$bin/.kt-install.XXXXXX" 2>/dev/null) ||
    fail "\"$bin\" cannot be written" 'install.sh --prefix DIR'
}

# Also the folders that were made for nothing.
clean_up() {
  [ -z "$work" ] || rm -rf -- "$work"
  [ "$above" = "$bin" ] || (cd -- "$above" && rmdir -p -- "${bin#"$above"/}") 2>/dev/null || :
}

install() {
  name=$(platform)
  from=$(source_of_files)
  find_sum_program
  make_room
  hint=''
  [ "$from" != "$(dirname -- "$0")/dist" ] || hint='npx --yes bun@1.4.5 run build --all'
  fetch SHA256SUMS "$work/SHA256SUMS" "$hint"
  wanted=$(listed "$name")
  [ -n "$wanted" ] || fail "SHA256SUMS of \"$from\" has no line for \"$name\""
  if [ -n "$old" ] && [ "$(sum "$target")" = "$wanted" ]; then
    say "$old is already installed as $target"
  else
    put_in_place
  fi
  advise_path
}

listed() { # file: its sum in SHA256SUMS
  sed -n "s/^\([0-9a-f]\{64\}\)  $1\$/\1/p" "$work/SHA256SUMS"
}

check_sum() { # file, as it is called there, its sum
  [ "$(sum "$1")" = "$3" ] || fail "the sum of \"$2\" is wrong: nothing was installed" 'try again'
}

# Less than half of it travels, where the release has it compressed and this machine can unpack that.
get_program() {
  packed=$(listed "$name\.gz")
  if [ -z "$packed" ] || ! command -v gzip >/dev/null; then
    fetch "$name" "$work/kt"
  else
    fetch "$name.gz" "$work/kt.gz"
    check_sum "$work/kt.gz" "$name.gz" "$packed"
    gzip -dc <"$work/kt.gz" >"$work/kt" || fail "\"$name.gz\" cannot be unpacked: nothing was installed"
  fi
  check_sum "$work/kt" "$name" "$wanted"
}

put_in_place() {
  get_program
  chmod 755 "$work/kt"
  new=$(identity "$work/kt")
  if [ -z "$new" ]; then
    reason=$("$work/kt" version 2>&1 </dev/null | head -n 1)
    fail "\"$name\" does not run on this machine${reason:+: $reason}" \
      'it needs macOS 13 or later, or Linux with glibc 2.17 or with musl and libstdc++, and on x64 a CPU with SSE4.2'
  fi
  if [ "$force" = no ] && [ -n "$old" ] && older "$(number "$new")" "$(number "$old")"; then
    fail "$(number "$old") is installed and newer than $(number "$new"): nothing was installed" 'to go back: install.sh --force'
  fi
  mv -f -- "$work/kt" "$target"
  say "installed $new as $target${old:+, it was $(number "$old")}"
}

advise_path() {
  case :$PATH: in
    *:"$bin":*)
      first=$(command -v kt) || first=
      [ "$first" = "$target" ] || say "another kt comes first in your PATH: $first"
      return ;;
  esac
  case ${SHELL:-} in
    */fish) say "add it to your PATH: fish_add_path \"$bin\""; return ;;
    */zsh) file=.zshrc ;;
    */bash) case $name in kt-darwin-*) file=.bash_profile ;; *) file=.bashrc ;; esac ;;
    *) file=.profile ;;
  esac
  say "add it to your PATH: echo 'export PATH=\"$bin:\$PATH\"' >>~/$file"
}

uninstall() {
  [ -e "$target" ] || [ -L "$target" ] || fail "\"$target\" is not there"
  [ "$force" = yes ] || refuse_while_used
  rm -f -- "$target" 2>/dev/null || fail "\"$target\" cannot be removed"
  say "removed $target"
  for left in "${XDG_CONFIG_HOME:-${HOME:-}/.config}/kt" "${XDG_STATE_HOME:-${HOME:-}/.local/state}/kt" "${HOME:-}/Library/Logs/kt"; do
    [ ! -e "$left" ] || say "left in place: $left"
  done
}

# It stops nothing itself, and without kt the user could not.
refuse_while_used() {
  for unit in "${XDG_CONFIG_HOME:-${HOME:-}/.config}/systemd/user/"*.service "${HOME:-}/Library/LaunchAgents/"*.plist; do
    [ ! -f "$unit" ] || ! grep -qF -- "$target" "$unit" || fail "\"$unit\" starts kt" "$target service uninstall"
  done
  case $("$target" status --json </dev/null 2>/dev/null) in
    '' | *'"hub":null'*) ;;
    *) fail 'kt is running' "$target down --all" ;;
  esac
}

main "$@"
