package storetest_test

import (
	"testing"

	"datestone/publish"
	"datestone/publish/storetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) publish.Store { return &storetest.Memory{} })
}
