#!/bin/sh
# Installs the program `images`: detects the platform, downloads the binary, verifies its checksum and the signature of the checksums,
# and puts it in place in one step, with its manual page and completions. Any POSIX sh. Needs gzip; curl or wget (neither, when the
# release is in a directory); sha256sum, shasum or openssl; and minisign or openssl 3 where the release is signed.
set -eu
umask 022

# Where a release is published, and the minisign public key that signs it; `bun run release --url URL --public-key KEY` writes them here.
RELEASE_URL=""
PUBLIC_KEY=""

usage() {
    cat <<'EOF'
usage: install.sh [--from URL|DIRECTORY] [--prefix DIRECTORY] [--sha256 HEX] [--key KEY] [--target NAME] [--allow-http]
       install.sh --uninstall [--prefix DIRECTORY]

  --from        where the files of a release are (or IMAGES_FROM); by default where this release was published, or the directory of install.sh
  --prefix      the binary becomes PREFIX/bin/images (or IMAGES_PREFIX); by default /usr/local for root, ~/.local for others
  --sha256      the checksum of the compressed binary, known from elsewhere than the release's SHA256SUMS
  --key         the minisign public key that must have signed SHA256SUMS; by default the one that this script was released with, if any
  --target      for another machine than this one: linux-x64, linux-arm64, linux-x64-musl, linux-arm64-musl, darwin-x64, darwin-arm64
  --allow-http  download without TLS (or IMAGES_ALLOW_HTTP=yes): what verifies the bytes then comes the same way as they do
  --uninstall   remove what an earlier install put below PREFIX
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
            case "$from" in
                http://*) [ "$http" = yes ] || fail "$from is http://, so anybody on the way may change the files; pass --allow-http to accept that" ;;
            esac
            if have curl; then
                curl -fsSL --proto "$proto" --proto-redir "$proto" --retry 3 -o "$2" "$from/$1" || fail "cannot get $from/$1"
            elif have wget; then
                wget -q -O "$2" "$from/$1" || fail "cannot get $from/$1"
            else
                fail "neither curl nor wget is here"
            fi
            ;;
        *://*) fail "expected https:// or a directory, got $from" ;;
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

# The bytes from OFFSET on, COUNT of them, of a file.
cut_bytes() { dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null; }
hex_of() { od -An -tx1 | tr -d ' \n'; }

# Whether SIGNATURE of FILE was made by the minisign key, with openssl: Ed25519 over BLAKE2b of the file ("ED"), or over the file ("Ed").
openssl_verifies() {
    sed -n 2p "$2" | openssl base64 -d -A >"$work/sig" 2>/dev/null
    printf '%s' "$key" | openssl base64 -d -A >"$work/key" 2>/dev/null
    [ "$(cut_bytes "$work/sig" 2 8 | hex_of)" = "$(cut_bytes "$work/key" 2 8 | hex_of)" ] || return 1
    # The head of a SubjectPublicKeyInfo of an Ed25519 key.
    { printf '\060\052\060\005\006\003\053\145\160\003\041\000' && cut_bytes "$work/key" 10 32; } >"$work/key.der"
    case "$(cut_bytes "$work/sig" 0 2)" in
        ED) openssl dgst -blake2b512 -binary "$1" >"$work/signed" || return 1 ;;
        Ed) cat "$1" >"$work/signed" ;;
        *) return 1 ;;
    esac
    cut_bytes "$work/sig" 10 64 >"$work/raw"
    openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key.der" -rawin -in "$work/signed" -sigfile "$work/raw" >/dev/null 2>&1
}

# Fails unless SHA256SUMS is signed by the key.
verify_signature() {
    fetch SHA256SUMS.minisig "$work/SHA256SUMS.minisig"
    if have minisign; then
        minisign -V -q -P "$key" -m "$work/SHA256SUMS" -x "$work/SHA256SUMS.minisig" >/dev/null 2>&1
    elif have openssl && openssl pkeyutl -help 2>&1 | grep -q -e -rawin; then
        openssl_verifies "$work/SHA256SUMS" "$work/SHA256SUMS.minisig"
    else
        fail "the release is signed, and neither minisign nor openssl 3 is here to verify it: install one, or pass --sha256"
    fi || fail "SHA256SUMS is not signed by $key: nothing was installed"
    say "verified the signature of $key"
}

# What an install puts below the prefix besides the binary.
EXTRAS="share/man/man1/images.1.gz share/bash-completion/completions/images share/zsh/site-functions/_images share/fish/vendor_completions.d/images.fish"

uninstall() {
    [ -e "$prefix/bin/images" ] || fail "there is no $prefix/bin/images"
    for one in bin/images $EXTRAS; do
        if [ -f "$prefix/$one" ]; then
            rm -f "$prefix/$one" || fail "cannot remove $prefix/$one"
            say "removed $prefix/$one"
        fi
    done
    say "states, caches and images.toml files stay where they are"
}

# The manual page and the completions: nice to have, so that a failure is a note.
extras() {
    for one in $EXTRAS; do
        mkdir -p "$prefix/$(dirname "$one")" 2>/dev/null || continue
        case "$one" in
            share/man/*) (fetch images.1.gz "$work/extra") 2>/dev/null || continue ;;
            *bash*) "$bin/images" completion bash >"$work/extra" 2>/dev/null || continue ;;
            *zsh*) "$bin/images" completion zsh >"$work/extra" 2>/dev/null || continue ;;
            *fish*) "$bin/images" completion fish >"$work/extra" 2>/dev/null || continue ;;
        esac
        cat "$work/extra" >"$prefix/$one" 2>/dev/null || say "note: cannot write $prefix/$one"
    done
}

main() {
    from=${IMAGES_FROM:-$RELEASE_URL} prefix=${IMAGES_PREFIX:-} key=$PUBLIC_KEY wanted="" target="" http=no proto="=https" remove=no
    if [ "${IMAGES_ALLOW_HTTP:-}" = yes ]; then http=yes proto="=http,https"; fi
    while [ $# -gt 0 ]; do
        case "$1" in
            -h | --help)
                usage
                exit 0
                ;;
            --allow-http)
                http=yes proto="=http,https"
                shift
                ;;
            --uninstall)
                remove=yes
                shift
                ;;
            --from | --prefix | --sha256 | --target | --key)
                if [ $# -lt 2 ] || [ -z "$2" ]; then fail "$1 needs a value"; fi
                case "$1" in
                    --from) from=$2 ;;
                    --prefix) prefix=$2 ;;
                    --sha256) wanted=$2 ;;
                    --target) target=$2 ;;
                    --key) key=$2 ;;
                esac
                shift 2
                ;;
            *)
                usage >&2
                fail "unknown argument $1"
                ;;
        esac
    done
    if [ -z "$prefix" ]; then
        if [ "$(id -u)" = 0 ]; then
            prefix=/usr/local
        elif [ -n "${HOME:-}" ]; then
            prefix=$HOME/.local
        else
            fail "HOME is not set: pass --prefix DIRECTORY"
        fi
    fi
    if [ "$remove" = yes ]; then
        uninstall
        exit 0
    fi
    if [ -z "$from" ]; then
        from=$(dirname "$0")
        if [ ! -f "$from/SHA256SUMS" ]; then fail "where is the release? Pass --from URL or --from DIRECTORY"; fi
    fi
    from=${from%/}
    here=$(machine) || exit 1
    target=${target:-$here}
    case "$target" in
        linux-x64 | linux-arm64 | linux-x64-musl | linux-arm64-musl | darwin-x64 | darwin-arm64) ;;
        *) fail "there is no binary for $target" ;;
    esac
    name=images-$target.gz bin=$prefix/bin

    trap tidy EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    work=$(mktemp -d) || fail "cannot make a temporary directory"
    say "getting $name from $from"
    if [ -z "$wanted" ]; then
        fetch SHA256SUMS "$work/SHA256SUMS"
        if [ -n "$key" ]; then verify_signature; fi
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
    mkdir -p "$bin" || fail "cannot make $bin: pass --prefix DIRECTORY"
    staged=$(mktemp "$bin/.images.XXXXXX") || fail "cannot write to $bin: pass --prefix DIRECTORY"
    gzip -dc <"$work/$name" >"$staged" || fail "cannot write to $bin"
    chmod 755 "$staged"
    version=$target
    if [ "$target" = "$here" ]; then
        if ! version=$("$staged" version 2>"$work/said"); then
            head -n 2 "$work/said" >&2
            case "$target" in *-musl) say "note: it needs libstdc++ (Alpine: apk add libstdc++)" ;; esac
            fail "the binary does not run on this machine ($target): nothing was installed"
        fi
    fi
    if [ -d "$bin/images" ]; then fail "$bin/images is a directory: nothing was installed"; fi
    mv -f "$staged" "$bin/images" || fail "cannot write $bin/images"
    staged="" made=""
    if [ "$target" = "$here" ]; then extras; fi
    say "installed $bin/images: $version"
    case ":${PATH:-}:" in
        *":$bin:"*) ;;
        *) say "note: $bin is not in PATH; add it:  export PATH=\"$bin:\$PATH\"" ;;
    esac
}

# Last, so that half a script does nothing.
main "$@"
