#!/bin/sh
# Installs the program `images`: finds out what this machine is, gets the binary and SHA256SUMS, compares, and puts the binary in place in one
# step. Any POSIX sh. Needs curl or wget (neither, when the release lies in a folder) and sha256sum, shasum or openssl.
set -eu
umask 022

# Where a release lies; `bun run release --url URL` writes its own address here.
RELEASE_URL=""

usage() {
    cat <<'EOF'
usage: install.sh [--from URL|FOLDER] [--prefix FOLDER] [--sha256 HEX] [--target NAME]

  --from    where the files of a release are (or IMAGES_FROM); without it where this release was published, or the folder of install.sh
  --prefix  the binary becomes PREFIX/bin/images (or IMAGES_PREFIX); without it /usr/local for root, ~/.local for others
  --sha256  the checksum that the binary must have, when it is known from elsewhere than the release's SHA256SUMS
  --target  for another machine than this one: linux-x64, linux-arm64, linux-x64-musl, linux-arm64-musl, darwin-x64, darwin-arm64
EOF
}

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "install.sh: $*"
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# What is made on the way, and goes again however this ends.
work="" staged="" made=""
tidy() {
    [ -z "$staged" ] || rm -f "$staged"
    [ -z "$made" ] || rmdir "$made" 2>/dev/null || true
    [ -z "$work" ] || rm -rf "$work"
}

# The name of this machine in a release.
machine() {
    system=$(uname -s) cpu=$(uname -m)
    case "$cpu" in
        x86_64 | amd64) cpu=x64 ;;
        aarch64 | arm64) cpu=arm64 ;;
        *) fail "there is no binary for the processor $cpu" ;;
    esac
    case "$system" in
        Linux)
            if is_musl; then cpu="$cpu-musl"; fi
            echo "linux-$cpu"
            ;;
        Darwin)
            # A shell that runs translated says x86_64 on an arm64 machine.
            if [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || true)" = 1 ]; then cpu=arm64; fi
            echo "darwin-$cpu"
            ;;
        MINGW* | MSYS* | CYGWIN*) fail "this installs on Linux and macOS; on Windows put images-windows-x64.exe where you want it" ;;
        *) fail "there is no binary for $system" ;;
    esac
}

is_musl() {
    if getconf GNU_LIBC_VERSION >/dev/null 2>&1; then return 1; fi
    case "$(ldd --version 2>&1 || true)" in *musl*) return 0 ;; esac
    for loader in /lib/ld-musl-*; do
        if [ -e "$loader" ]; then return 0; fi
    done
    return 1
}

# fetch NAME FILE: one file of the release.
fetch() {
    case "$from" in
        http://* | https://*)
            if have curl; then
                curl -fsSL --retry 3 -o "$2" "$from/$1" || fail "cannot get $from/$1"
            elif have wget; then
                wget -q -O "$2" "$from/$1" || fail "cannot get $from/$1"
            else
                fail "neither curl nor wget is here"
            fi
            ;;
        *://*) fail "expected http://, https:// or a folder, got $from" ;;
        *) cp "$from/$1" "$2" || fail "cannot get $from/$1" ;;
    esac
}

# The sha256 of a file, in hex.
sum() {
    if have sha256sum; then
        digest=$(sha256sum <"$1")
    elif have shasum; then
        digest=$(shasum -a 256 <"$1")
    elif have openssl; then
        digest=$(openssl dgst -sha256 -r <"$1")
    else
        fail "none of sha256sum, shasum and openssl is here, so nothing can be verified"
    fi
    echo "${digest%% *}"
}

# The one line of SHA256SUMS for a name; nothing where there is none, or several that differ.
declared() {
    awk -v name="$1" '
        { file = $2; sub(/^\*/, "", file) }
        file == name && seen != "" && seen != $1 { several = 1 }
        file == name { seen = $1 }
        END { if (!several) print seen }
    ' "$2"
}

main() {
    from=${IMAGES_FROM:-$RELEASE_URL} prefix=${IMAGES_PREFIX:-} wanted="" target=""
    while [ $# -gt 0 ]; do
        case "$1" in
            -h | --help)
                usage
                exit 0
                ;;
            --from | --prefix | --sha256 | --target)
                if [ $# -lt 2 ] || [ -z "$2" ]; then fail "$1 needs a value"; fi
                case "$1" in
                    --from) from=$2 ;;
                    --prefix) prefix=$2 ;;
                    --sha256) wanted=$2 ;;
                    --target) target=$2 ;;
                esac
                shift 2
                ;;
            *)
                usage >&2
                fail "unknown argument $1"
                ;;
        esac
    done
    if [ -z "$from" ]; then
        from=$(dirname "$0")
        if [ ! -f "$from/SHA256SUMS" ]; then fail "where is the release? Say --from URL or --from FOLDER"; fi
    fi
    from=${from%/}
    if [ -z "$prefix" ]; then
        if [ "$(id -u)" = 0 ]; then
            prefix=/usr/local
        elif [ -n "${HOME:-}" ]; then
            prefix=$HOME/.local
        else
            fail "there is no HOME: say --prefix FOLDER"
        fi
    fi
    here=$(machine) || exit 1
    target=${target:-$here}
    case "$target" in
        linux-x64 | linux-arm64 | linux-x64-musl | linux-arm64-musl | darwin-x64 | darwin-arm64) ;;
        *) fail "there is no binary for $target" ;;
    esac
    name=images-$target bin=$prefix/bin

    trap tidy EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    work=$(mktemp -d) || fail "cannot make a temporary folder"
    say "getting $name from $from"
    if [ -z "$wanted" ]; then
        fetch SHA256SUMS "$work/SHA256SUMS"
        wanted=$(declared "$name" "$work/SHA256SUMS")
        if [ -z "$wanted" ]; then fail "SHA256SUMS has no line for $name, or several that differ: nothing was installed"; fi
    fi
    fetch "$name" "$work/$name"
    found=$(sum "$work/$name") || exit 1
    if [ "$found" != "$wanted" ]; then
        say "  expected $wanted"
        say "  got      $found"
        fail "$name has the wrong checksum: nothing was installed"
    fi
    say "verified sha256 $found"

    [ -d "$bin" ] || made=$bin
    mkdir -p "$bin" || fail "cannot make $bin: say --prefix FOLDER"
    staged=$(mktemp "$bin/.images.XXXXXX") || fail "cannot write to $bin: say --prefix FOLDER"
    cat "$work/$name" >"$staged" || fail "cannot write to $bin"
    chmod 755 "$staged"
    version=$target
    if [ "$target" = "$here" ]; then
        if ! version=$("$staged" version 2>"$work/said"); then
            head -n 2 "$work/said" >&2
            case "$target" in *-musl) say "note: it needs libstdc++ (Alpine: apk add libstdc++)" ;; esac
            fail "the binary does not run on this machine ($target): nothing was installed"
        fi
    fi
    if [ -d "$bin/images" ]; then fail "$bin/images is a folder: nothing was installed"; fi
    mv -f "$staged" "$bin/images" || fail "cannot write $bin/images"
    staged="" made=""
    say "installed $bin/images: $version"
    case ":${PATH:-}:" in
        *":$bin:"*) ;;
        *) say "note: $bin is not in PATH; add it:  export PATH=\"$bin:\$PATH\"" ;;
    esac
}

# Last, so that half a script does nothing.
main "$@"
