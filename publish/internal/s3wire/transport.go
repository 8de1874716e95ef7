package s3wire

import (
	"net"
	"net/http"
	"time"
)

// Tune sets up tr for many small requests to one host. The defaults of
// net/http and of both SDKs keep fewer connections than there are workers, so
// every other request opens one anew.
func Tune(tr *http.Transport, jobs int) {
	tr.MaxIdleConns = 0
	// A worker may read one object while it writes another.
	tr.MaxIdleConnsPerHost = 2 * jobs
	tr.MaxConnsPerHost = 0
	tr.DisableCompression = true
	tr.ForceAttemptHTTP2 = false
	// HTTP/2 would put all workers on one connection.
	tr.Protocols = new(http.Protocols)
	tr.Protocols.SetHTTP1(true)
	tr.WriteBufferSize = 64 << 10
	tr.ReadBufferSize = 64 << 10
	tr.ExpectContinueTimeout = 0
	tr.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	// A server may be silent as long as it copies 5 GiB, and no longer.
	tr.ResponseHeaderTimeout = 5 * time.Minute
}
