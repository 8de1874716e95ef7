package layout

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Channel is a name that leads to a checkpoint. One that neither follows
// nor has a delay is moved by hand only.
type Channel struct {
	Name string
	// Follows is set for a channel with a delay: it leads to the newest
	// checkpoint that was committed at least Delay ago.
	Follows bool
	Delay   time.Duration
}

// isNewest reports whether c always leads to the newest checkpoint.
func (c Channel) isNewest() bool { return c.Follows && c.Delay == 0 }

// reservedChannels mean something else where a channel's name stands.
var reservedChannels = []string{"latest", "now", "log", "index", "checkpoints"}

// CleanChannel returns name if it can be a channel's: a letter, then letters,
// digits and hyphens, all lower case, and no name that the bucket or the edges
// use themselves.
func CleanChannel(name string) (string, error) {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	if name == "" || !strings.Contains(letters, name[:1]) || strings.Trim(name, letters+"0123456789-") != "" {
		return "", fmt.Errorf("channel %q: write a-z, 0-9 and hyphen, beginning with a letter", name)
	}
	if slices.Contains(reservedChannels, name) {
		return "", fmt.Errorf("channel %q: that name means something else below a base path; write another", name)
	}
	if len(name) > maxBase {
		return "", fmt.Errorf("channel %q: write at most %d characters", name, maxBase)
	}
	return name, nil
}
