#!/bin/sh
# Nightly backup of the notes and documents to the disk called Walrus; started by a timer at 03:15.
# Keeps fourteen daily copies. Does nothing when the disk is not mounted.
set -eu
target=/media/walrus/backup
[ -d "$target" ] || { echo "Walrus is not mounted" >&2; exit 1; }
today=$(date +%F)
cp -a --reflink=auto "$HOME/Notes" "$HOME/Documents" "$target/$today.part"
mv "$target/$today.part" "$target/$today"
ls -1d "$target"/20* | head -n -14 | xargs -r rm -rf
