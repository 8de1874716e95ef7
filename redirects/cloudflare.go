package redirects

import (
	"compress/gzip"
)

// maxWorker is what a worker may have on the Free plan, compressed. (Cloudflare
// has said 3 MB compressed, and later 64 MB as they are.)
const maxWorker = 3_000_000

const cloudflareHead = `// Rules of datestone, a worker for Cloudflare. Generated: do not edit.
// All rows of the table "the answer to a request" hold, by Cloudflare's clock.
// The variable ORIGIN is where the bucket is read: https://pub-xxxx.r2.dev, a
// domain of the bucket's own, or https://bucket.s3.eu-west-1.amazonaws.com.
// Made from
`

// renderCloudflare writes cloudflare/worker.js, a module with the tables in it.
func renderCloudflare(sites []site) ([]Artifact, error) {
	body := []byte(cloudflareHead + jsHead(sites) + jsPaths(sites) + jsInline(sites) + jsSource("core.js", "inline.js", "cloudflare.js"))
	size, err := compressed(body)
	if err != nil {
		return nil, err
	}
	if size > maxWorker {
		return nil, &TooManyRulesError{Target: "cloudflare", Needs: size, Takes: maxWorker, Unit: "bytes, compressed, in a worker",
			WaysOut: "fewer checkpoints (keep), a worker for each part of the repositories, or the target nginx"}
	}
	return []Artifact{{Name: "cloudflare/worker.js", Body: body}}, nil
}

func compressed(body []byte) (int, error) {
	var n counter
	w := gzip.NewWriter(&n)
	if _, err := w.Write(body); err != nil {
		return 0, err
	}
	err := w.Close()
	return int(n), err
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
