package layout_test

import (
	"fmt"
	"math"
	"testing"

	"datestone/layout"
)

func TestHumanSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 Bytes", 1: "1 Byte", 2: "2 Bytes", 228: "228 Bytes", 999: "999 Bytes",
		1000: "1.0 kB", 1024: "1.0 kB", 1050: "1.1 kB", 12_345: "12.3 kB", 999_949: "999.9 kB",
		999_950: "1.0 MB", 999_999: "1.0 MB", 1_000_000: "1.0 MB", 999_949_999: "999.9 MB", 999_950_000: "1.0 GB",
		6_000_000_000: "6.0 GB", 1_000_000_000_000: "1.0 TB", 1_000_000_000_000_000: "1.0 PB", math.MaxInt64: "9.2 EB",
	} {
		if got := layout.HumanSize(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func ExampleHumanSize() {
	fmt.Println(layout.HumanSize(228), layout.HumanSize(1000), layout.HumanSize(999_950))
	// Output: 228 Bytes 1.0 kB 1.0 MB
}
