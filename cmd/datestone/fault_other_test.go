//go:build !unix

package main

import "datestone/publish"

// disturbed does nothing where processes have no signals.
func disturbed(s publish.Store) publish.Store { return s }
