package main

import "datestone/redirects"

func checkTarget(s string) error { return oneOf(redirects.Targets()...)(s) }
