#!/bin/sh
# The main job, on the repository in testdata/repos: three checkpoints of a
# remote whose content appears, changes and disappears, in a directory.
# usage: demo.sh DATESTONE [DIR]
set -eu
datestone=$1
dir=${2:-$(mktemp -d)}
repos=$(cd "$(dirname "$0")/../repos/file" && pwd)
mkdir -p "$dir/upstream" "$dir/site"
cd "$dir"

cat > datestone.yaml <<'YAML'
bucket: file:./site
index: ./datestone.db
public_url: http://127.0.0.1:8080/
repositories:
  - name: myfile
    base_path: checkpoints/myfile
    remote: {type: file, url: file:./upstream/PULP_MANIFEST}
redirects:
  targets: [nginx]
  out: ./redirects
YAML

upstream() { rm -rf upstream && cp -R "$repos/$1" upstream; }
step() { printf '\n%s\n' "$*"; }

step "1. An empty checkpoint, before there is anything to read:"
"$datestone" --quiet publish --force
step "2. The remote has three files:"
upstream one
"$datestone" --quiet run
step "3. One file changed, one is gone, one is new:"
upstream two
"$datestone" --quiet run
"$datestone" list myfile

step "What stands in the bucket:"
find site -type f ! -path '*/.datestone/*' | LC_ALL=C sort
step "The rules for nginx:"
find redirects -type f | LC_ALL=C sort

first=$("$datestone" list --json myfile | sed -n '1s/.*"id":"\([^"]*\)".*/\1/p')
third=$("$datestone" list --json myfile | sed -n '3s/.*"id":"\([^"]*\)".*/\1/p')
step "What an edge answers to a checkpoint, to the newest, and to a time before the first:"
"$datestone" resolve "/checkpoints/myfile/$third/1.iso" /checkpoints/myfile/latest/2.iso /checkpoints/myfile/20000101/1.iso
step "The first, $first, has no files; the second and third share what did not change."
step "Look at it in a browser, http://127.0.0.1:8080/checkpoints/myfile/ :"
echo "    cd $dir && $datestone serve"
