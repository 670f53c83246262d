#!/bin/sh
# Builds the command twice, in two folders, and compares: who has the same sources and toolchain gets the same binary, so that
# anyone can see what a measurement stands for. Takes as long as two builds.
#
#   deploy/reproducible.sh            prints the line for deploy/privity.sha256: binary, version, commit, toolchain
#   deploy/reproducible.sh --check    builds the commit of that line once more, and compares
set -eu

root=$(git rev-parse --show-toplevel)
record=$root/deploy/privity.sha256
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Nothing of this machine, and no time.
SOURCE_DATE_EPOCH=0
CARGO_INCREMENTAL=0
TZ=UTC
LC_ALL=C
export SOURCE_DATE_EPOCH CARGO_INCREMENTAL TZ LC_ALL
cargo_home=${CARGO_HOME:-$HOME/.cargo}
sysroot=$(rustc --print sysroot)

# What is built: what is recorded, or what was committed last.
if [ "${1:-}" = --check ]; then
    commit=$(sed -n 's/.*; commit \([0-9a-f]*\);.*/\1/p' "$record")
else
    commit=$(git -C "$root" rev-parse HEAD)
fi

build() {
    folder=$work/$1
    mkdir "$folder"
    git -C "$root" archive "$commit" | tar -x -C "$folder"
    RUSTFLAGS="--remap-path-prefix=$folder=/privity --remap-path-prefix=$cargo_home=/cargo --remap-path-prefix=$sysroot=/rust -C link-arg=-Wl,--build-id=none" \
    CFLAGS="-ffile-prefix-map=$folder=/privity -ffile-prefix-map=$cargo_home=/cargo" \
    CARGO_TARGET_DIR=$folder/target \
        cargo build --manifest-path "$folder/Cargo.toml" --locked --release --quiet --package privity-cli
    sha256sum "$folder/target/release/privity" | cut -d ' ' -f 1
    rm -rf "$folder/target"
}

# The line of a binary.
described() {
    version=$(git -C "$root" show "$commit:Cargo.toml" | sed -n 's/^version = "\(.*\)"$/\1/p' | head -n 1)
    echo "$1  privity $version; commit $commit; $(rustc --version); $(cc --version | head -n 1)"
}

if [ "${1:-}" = --check ] && [ "$(described "")" != "$(sed 's/^[^ ]*//' "$record")" ]; then
    echo "the record is of another toolchain than this one:$(described "")" >&2
    exit 2
fi
first=$(build first)
if [ "${1:-}" = --check ]; then
    described "$first" | diff "$record" - && echo "as recorded"
    exit
fi
second=$(build other-name)
if [ "$first" != "$second" ]; then
    echo "two builds of one commit differ: $first and $second" >&2
    exit 1
fi
described "$first"
