package index

import (
	"errors"
	"io/fs"
	"strings"

	bolt "go.etcd.io/bbolt"

	"datestone/layout"
)

// forgetRedacted forgets that content which the repository of t has redacted
// stands in one of its checkpoints, whatever their file lists say.
func forgetRedacted(tx *bolt.Tx, t layout.Table) error {
	for _, r := range t.Redacted {
		value, err := get(tx, bucketContent, r.SHA256[:])
		var key string
		if err == nil {
			key, err = placeKey(tx, r.SHA256, value)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && strings.HasPrefix(key, t.BasePath+"/") {
			err = tx.Bucket(bucketContent).Delete(r.SHA256[:])
		}
		if err != nil {
			return err
		}
	}
	return nil
}
