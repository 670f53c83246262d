#!/bin/sh
# Builds the command twice, in two folders, and compares: who has the same sources and toolchain gets the same binary, so that
# anyone can see what a measurement stands for. Prints the digest; fails if the two differ. Takes as long as two builds.
set -eu

root=$(git rev-parse --show-toplevel)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Nothing of this machine, and no time but that of the commit.
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct)
CARGO_INCREMENTAL=0
TZ=UTC
LC_ALL=C
export SOURCE_DATE_EPOCH CARGO_INCREMENTAL TZ LC_ALL
cargo_home=${CARGO_HOME:-$HOME/.cargo}
sysroot=$(rustc --print sysroot)

build() {
    folder=$work/$1
    mkdir "$folder"
    git -C "$root" archive HEAD | tar -x -C "$folder"
    RUSTFLAGS="--remap-path-prefix=$folder=/privity --remap-path-prefix=$cargo_home=/cargo --remap-path-prefix=$sysroot=/rust -C link-arg=-Wl,--build-id=none" \
    CFLAGS="-ffile-prefix-map=$folder=/privity -ffile-prefix-map=$cargo_home=/cargo" \
    CARGO_TARGET_DIR=$folder/target \
        cargo build --manifest-path "$folder/Cargo.toml" --locked --release --quiet --package privity-cli
    sha256sum "$folder/target/release/privity" | cut -d ' ' -f 1
}

first=$(build first)
second=$(build other-name)
if [ "$first" != "$second" ]; then
    echo "two builds of one commit differ: $first and $second" >&2
    exit 1
fi
echo "$first  privity, commit $(git -C "$root" rev-parse HEAD), $(rustc --version)"
