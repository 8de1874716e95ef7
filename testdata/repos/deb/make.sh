#!/bin/sh
# Makes four states of a small signed apt repository with Debian's own tools:
#
#   make.sh DIR
#
# DIR/one, two, three and four are the repository, DIR/keys.gpg the keys that
# sign it, DIR/old.gpg the first of them alone.
#   one    hello, gone and same in version 1.0, and the source of hello, in the
#          suite stable and again in expires, which has a Valid-Until; and
#          g++-flat+x in the flat suite flat/, without InRelease
#   two    hello in version 1.1, gone is gone
#   three  same has other bytes under the same name
#   four   is signed by another key
set -eu
dir=$1
export LC_ALL=C GNUPGHOME=$dir/gnupg
mkdir -p "$GNUPGHOME" "$dir/build"
chmod 700 "$GNUPGHOME"
trap 'status=$?; gpgconf --kill all; [ $status = 0 ] || cat "$dir/log" >&2' EXIT

# Time stands still for keys and signatures, so that tests may choose theirs.
gnupg() {
	gpg -q --batch --yes --faked-system-time 20250318T140338 "$@" 2>> "$dir/log"
}

# key NAME makes a key; its address signs.
key() {
	gnupg --passphrase '' --quick-gen-key "$1 <$1@example.org>" ed25519 sign never
}

# package POOL NAME VERSION TEXT builds a binary package.
package() {
	root=$dir/build/$2_$3
	rm -rf "$root"
	mkdir -p "$root/DEBIAN" "$root/usr/share/$2" "$1"
	echo "$4" > "$root/usr/share/$2/text"
	cat > "$root/DEBIAN/control" <<-END
		Package: $2
		Version: $3
		Architecture: amd64
		Maintainer: Test <test@example.org>
		Description: the package $2
		 It says "$4".
	END
	dpkg-deb --root-owner-group -b "$root" "$1/$2_${3}_amd64.deb" >> "$dir/log"
}

# source POOL NAME VERSION TEXT builds a source package.
source() {
	root=$dir/build/$2-$3
	rm -rf "$root"
	mkdir -p "$root/debian/source" "$1"
	echo "$4" > "$root/text"
	echo "3.0 (native)" > "$root/debian/source/format"
	cat > "$root/debian/control" <<-END
		Source: $2
		Maintainer: Test <test@example.org>
		Standards-Version: 4.6.2

		Package: $2
		Architecture: amd64
		Description: the package $2
	END
	cat > "$root/debian/changelog" <<-END
		$2 ($3) stable; urgency=low

		  * $4

		 -- Test <test@example.org>  Tue, 18 Mar 2025 14:03:38 +0000
	END
	(cd "$1" && dpkg-source -q -b "$root")
}

# publish STATE KEY writes the indexes of a state, and signs them. The plain
# forms are listed and taken away, as archives do.
publish() (
	cd "$dir/$1"
	suite=dists/stable
	rm -rf dists
	mkdir -p $suite/main/binary-amd64 $suite/main/source
	apt-ftparchive packages pool > $suite/main/binary-amd64/Packages
	apt-ftparchive sources pool > $suite/main/source/Sources 2>> "$dir/log"
	apt-ftparchive contents pool > $suite/main/Contents-amd64
	for index in $suite/main/binary-amd64/Packages $suite/main/source/Sources $suite/main/Contents-amd64; do
		gzip -nk $index
		xz -k $index
	done
	option=APT::FTPArchive::Release
	apt-ftparchive -o $option::Suite=stable -o $option::Codename=stable -o $option::Origin=Test -o $option::Components=main \
		-o $option::Architectures=amd64 -o $option::Acquire-By-Hash=yes release $suite > "$dir/Release"
	sign $suite $2
	rm $suite/main/binary-amd64/Packages $suite/main/source/Sources $suite/main/Contents-amd64
	for index in $suite/main/binary-amd64/Packages.* $suite/main/source/Sources.* $suite/main/Contents-amd64.*; do
		hashed=$(dirname $index)/by-hash/SHA256
		mkdir -p $hashed
		ln $index $hashed/$(sha256sum < $index | cut -d' ' -f1)
	done
	cp -a $suite dists/expires
	sed -i -e 's/^Suite: .*/Suite: expires/' -e 's/^Codename: .*/Codename: expires/' \
		-e '/^Date:/a Valid-Until: Tue, 25 Mar 2025 14:03:38 UTC' "$dir/Release"
	sign dists/expires $2
	apt-ftparchive packages flat > flat/Packages
	apt-ftparchive -o $option::Suite=flat/ release flat > "$dir/Release"
	sign flat $2
	rm flat/InRelease
)

# sign SUITE KEY makes Release files of what apt-ftparchive said.
sign() {
	sed 's/^Date:.*/Date: Tue, 18 Mar 2025 14:03:38 UTC/' "$dir/Release" > $1/Release
	gnupg --digest-algo SHA512 -u "$2@example.org" --clearsign -o $1/InRelease $1/Release
	gnupg --digest-algo SHA512 -u "$2@example.org" --armor --detach-sign -o $1/Release.gpg $1/Release
}

# next STATE OF begins a state with the pool of another.
next() {
	mkdir -p "$dir/$1"
	cp -a "$dir/$2/pool" "$dir/$2/flat" "$dir/$1/"
}

key first
key second
gnupg --export first@example.org > "$dir/old.gpg"
gnupg --export > "$dir/keys.gpg"

pool=$dir/one/pool/main
package "$pool/h/hello" hello 1.0 "hello, one"
package "$pool/g/gone" gone 1.0 "soon gone"
package "$pool/s/same" same 1.0 "the first bytes"
source "$pool/h/hello" hello 1.0 "hello, one"
package "$dir/one/flat" g++-flat+x 1:1.0~rc1 "in a flat suite"
publish one first

next two one
rm -r "$dir/two/pool/main/g"
package "$dir/two/pool/main/h/hello" hello 1.1 "hello, two"
source "$dir/two/pool/main/h/hello" hello 1.1 "hello, two"
publish two first

next three two
rm "$dir/three/pool/main/s/same/"*
package "$dir/three/pool/main/s/same" same 1.0 "other bytes, longer than the first"
publish three first

next four three
publish four second
