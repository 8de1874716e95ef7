package index_test

import "encoding/binary"

var native = binary.NativeEndian
