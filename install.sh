#!/bin/sh
# Installs the program `images`: detects the platform, downloads the binary, verifies its checksum and the signature of the checksums,
# and puts it in place in one step, with its manual page and completions. Any POSIX sh. Needs gzip; curl or wget (neither, when the
# release is in a directory); sha256sum, shasum or openssl; and minisign or openssl 3 where the release is signed. What it installs
# stands in PREFIX/share/images/installed: files that are not in there are neither replaced nor removed.
set -eu
umask 022

# Where a release is published, and the minisign public key that signs it; `bun run release --url URL --public-key KEY` writes them here.
RELEASE_URL=""
PUBLIC_KEY=""

usage() {
    cat <<'EOF'
usage: install.sh [--from URL|DIRECTORY] [--prefix DIRECTORY] [--sha256 HEX] [--key KEY] [--target NAME] [--allow-http] [--force]
       install.sh --uninstall [--prefix DIRECTORY]

  --from        where the files of a release are (or IMAGES_FROM); by default where this release was published, or the directory of install.sh
  --prefix      the binary becomes PREFIX/bin/images (or IMAGES_PREFIX); by default /usr/local for root, ~/.local for others
  --sha256      the checksum of the compressed binary, known from elsewhere than the release's SHA256SUMS
  --key         the minisign public key that must have signed SHA256SUMS; by default the one that this script was released with, if any
  --target      for another machine than this one: linux-x64, linux-arm64, linux-x64-musl, linux-arm64-musl, darwin-x64, darwin-arm64,
                windows-x64
  --allow-http  download without TLS (or IMAGES_ALLOW_HTTP=yes): what verifies the bytes then comes the same way as they do
  --force       replace a PREFIX/bin/images that install.sh did not install
  --uninstall   remove what earlier installs put below PREFIX, unless it was changed since
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
without_folder() {
    case "$1" in .) rmdir "$prefix" ;; *) rmdir "$prefix/$1" ;; esac 2>/dev/null || true
}
tidy() {
    [ -z "$staged" ] || rm -f "$staged"
    for folder in $made; do without_folder "$folder"; done
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
        # Git Bash and its relatives; Windows on arm64 runs the program for x64.
        MINGW* | MSYS* | CYGWIN*) echo windows-x64 ;;
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

# fetch_by_wget URL FILE. wget cannot be told to stay with https, and some busybox do not look at certificates: both are seen in what it says.
fetch_by_wget() {
    LC_ALL=C wget -S -O "$2" "$1" 2>"$work/wget" || {
        tail -n 2 "$work/wget" >&2
        fail "cannot get $1"
    }
    if [ "$http" = yes ]; then return 0; fi
    if grep -q -i '^ *location: *http:' "$work/wget"; then
        fail "$1 was redirected to http://, so anybody on the way may change the files; pass --allow-http to accept that"
    fi
    if [ -z "$key$given" ] && grep -q -i 'certificate validation not implemented' "$work/wget"; then
        fail "this wget does not verify certificates: install curl, or pass --key, --sha256 or --allow-http"
    fi
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
                fetch_by_wget "$from/$1" "$2"
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

# Everything that an install may put below the prefix, and the directories that it may make there, the innermost first.
MANUAL=share/man/man1/images.1.gz
COMPLETIONS="share/bash-completion/completions/images share/zsh/site-functions/_images share/fish/vendor_completions.d/images.fish"
FILES="bin/images bin/images.exe $MANUAL $COMPLETIONS"
FOLDERS="bin share/man/man1 share/man share/bash-completion/completions share/bash-completion share/zsh/site-functions share/zsh
    share/fish/vendor_completions.d share/fish share/images share ."
LIST=share/images/installed

# Whether an install put this file, or made this directory; with a sum: whether the file is as it was then.
listed() {
    [ -f "$prefix/$LIST" ] && awk -v sum="${2:-}" -v name="$1" '
        $2 == name && (sum == "" || $1 == sum) { found = 1 }
        END { exit !found }
    ' "$prefix/$LIST"
}

# Makes the directories of a file, and writes down which were not there.
folder_for() {
    missing=""
    for folder in $FOLDERS; do
        case "$folder/" in ./) ;; *) case "$1" in "$folder"/*) ;; *) continue ;; esac ;; esac
        [ -d "$prefix/$folder" ] || missing="$missing $folder"
    done
    mkdir -p "$prefix/$(dirname "$1")" 2>/dev/null || return 1
    for folder in $missing; do made="$made $folder"; done
}

# The list, before what stands in it: an install that is interrupted is known to the next one.
write_down() {
    folder_for "$LIST" || return 1
    for folder in $made; do
        listed "$folder" || printf 'directory  %s\n' "$folder" >>"$prefix/$LIST" || return 1
    done
    listed "$1" "$2" || printf '%s  %s\n' "$2" "$1" >>"$prefix/$LIST"
}

# Leaves one line for each name in the list: of an upgrade it has the old and the new sum.
last_only() {
    awk '{ line[$2] = $0 } !($2 in at) { at[$2] = ++n; name[n] = $2 } END { for (i = 1; i <= n; i++) print line[name[i]] }' \
        "$prefix/$LIST" >"$work/list" && cp "$work/list" "$prefix/$LIST"
}

# place FILE NAME MODE: moves a file of the install below the prefix, in one step.
place() {
    if [ -e "$prefix/$2" ] && ! listed "$2" && [ "$force" = no ]; then
        say "note: $prefix/$2 was not installed by install.sh, and stays as it is"
        return 0
    fi
    folder_for "$2" && write_down "$2" "$(sum "$1")" || return 1
    case "$1" in
        "$prefix"/*) chmod "$3" "$1" && mv -f "$1" "$prefix/$2" ;;
        *)
            beside=$(mktemp "$prefix/$(dirname "$2")/.images.XXXXXX") || return 1
            { cat "$1" >"$beside" && chmod "$3" "$beside" && mv -f "$beside" "$prefix/$2"; } || { rm -f "$beside" && return 1; }
            ;;
    esac
}

uninstall() {
    [ -f "$prefix/$LIST" ] || fail "there is no $prefix/$LIST: install.sh installed nothing below $prefix"
    for one in $FILES; do
        if [ -f "$prefix/$one" ] && listed "$one"; then
            if listed "$one" "$(sum "$prefix/$one")"; then
                rm -f "$prefix/$one" || fail "cannot remove $prefix/$one"
                say "removed $prefix/$one"
            else
                say "note: $prefix/$one was changed since it was installed, and stays"
            fi
        fi
    done
    goes=""
    for folder in $FOLDERS; do if listed "$folder"; then goes="$goes $folder"; fi; done
    rm -f "$prefix/$LIST" || fail "cannot remove $prefix/$LIST"
    for folder in $goes; do without_folder "$folder"; done
    say "states, caches and images.toml files stay where they are"
}

# The manual page and the completions: nice to have, so that a failure is a note.
extras() {
    if [ -f "$work/images.1.gz" ]; then
        place "$work/images.1.gz" "$MANUAL" 644 || say "note: cannot write $prefix/$MANUAL"
    fi
    for one in $COMPLETIONS; do
        case "$one" in *bash*) shell=bash ;; *zsh*) shell=zsh ;; *) shell=fish ;; esac
        if "$bin/$program" completion "$shell" >"$work/extra" 2>/dev/null; then
            place "$work/extra" "$one" 644 || say "note: cannot write $prefix/$one"
        fi
    done
}

# The manual page of the release, which SHA256SUMS answers for as for the binary.
manual() {
    if [ ! -f "$work/SHA256SUMS" ]; then
        say "note: no manual page, whose checksum --sha256 does not say"
        return 0
    fi
    expected=$(declared images.1.gz "$work/SHA256SUMS")
    [ -n "$expected" ] || return 0
    (fetch images.1.gz "$work/manual") || return 0
    if [ "$(sum "$work/manual")" != "$expected" ]; then fail "images.1.gz has the wrong checksum: nothing was installed"; fi
    mv "$work/manual" "$work/images.1.gz"
}

main() {
    from=${IMAGES_FROM:-$RELEASE_URL} prefix=${IMAGES_PREFIX:-} key=$PUBLIC_KEY wanted="" target="" given="" http=no proto="=https" remove=no force=no
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
            --force)
                force=yes
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
                    --sha256) given=$(printf '%s' "$2" | tr A-F a-f) ;;
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
        linux-x64 | linux-arm64 | linux-x64-musl | linux-arm64-musl | darwin-x64 | darwin-arm64 | windows-x64) ;;
        *) fail "there is no binary for $target" ;;
    esac
    program=images wanted=$given bin=$prefix/bin
    case "$target" in windows-*) program=images.exe ;; esac
    name=images-$target${program#images}.gz
    if [ -d "$bin/$program" ]; then fail "$bin/$program is a directory: nothing was installed"; fi
    if [ -e "$bin/$program" ] && ! listed "bin/$program" && [ "$force" = no ]; then
        fail "$bin/$program was not installed by install.sh: remove it, or pass --force to replace it"
    fi

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
    if [ "$target" = "$here" ]; then manual; fi

    folder_for "bin/$program" || fail "cannot make $bin: pass --prefix DIRECTORY"
    staged=$(mktemp "$bin/.images.XXXXXX") || fail "cannot write to $bin: pass --prefix DIRECTORY"
    if [ "$program" = images.exe ]; then
        mv "$staged" "$staged.exe"
        staged=$staged.exe
    fi
    gzip -dc <"$work/$name" >"$staged" || fail "cannot write to $bin"
    chmod 755 "$staged"
    version=$target
    if [ "$target" = "$here" ]; then
        if ! version=$("$staged" version 2>"$work/said"); then
            head -n 2 "$work/said" >&2
            case "$target" in *-musl) say "note: it needs libstdc++ (Alpine: apk add libstdc++) and musl 1.2.4 or newer (Alpine 3.18)" ;; esac
            fail "the binary does not run on this machine ($target): nothing was installed"
        fi
    fi
    place "$staged" "bin/$program" 755 || fail "cannot write $bin/$program"
    staged="" made=""
    if [ "$target" = "$here" ]; then extras; fi
    last_only
    say "installed $bin/$program: $version"
    case ":${PATH:-}:" in
        *":$bin:"*) ;;
        *) say "note: $bin is not in PATH; add it:  export PATH=\"$bin:\$PATH\"" ;;
    esac
}

# Last, so that half a script does nothing.
main "$@"
