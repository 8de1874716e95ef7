package index_test

import "time"

// roles are what the test binary does when it is started as a second process.
var roles = map[string]func(path string) int{
	"wait": func(string) int { time.Sleep(time.Minute); return 0 },
}
