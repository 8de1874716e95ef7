package reposync

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"
)

// A transportKey is what remotes must have in common to share connections.
type transportKey struct {
	certificate, key, ca string
	parallel             int
}

const (
	dialTimeout    = 30 * time.Second
	idleTimeout    = 90 * time.Second
	maxHeaderBytes = 256 << 10
)

func (c *Client) transport(r Remote) (*http.Transport, error) {
	k := transportKey{r.ClientCertificate, r.ClientKey, r.CA, cmp.Or(r.Parallel, defaultParallel)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.transports[k]; t != nil {
		return t, nil
	}
	config, err := tlsConfig(r)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAlive: dialTimeout}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  c.Stall,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    k.parallel,
		MaxConnsPerHost:        k.parallel,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ReadBufferSize:         4096,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
	c.transports[k] = t
	return t, nil
}

func tlsConfig(r Remote) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.ClientCertificate != "" {
		pair, err := tls.LoadX509KeyPair(r.ClientCertificate, r.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("client certificate %q with key %q: %w", r.ClientCertificate, r.ClientKey, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if r.CA != "" {
		pem, err := os.ReadFile(r.CA)
		if err != nil {
			return nil, fmt.Errorf("CA: %w", err)
		}
		// In place of the system's, as curl does with --cacert.
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("CA %q: has no certificate in PEM form", r.CA)
		}
	}
	return config, nil
}

// A redirectError is a redirect that is not followed.
type redirectError struct{ text string }

func (e *redirectError) Error() string { return e.text }

func (c *Client) checkRedirect(req *http.Request, via []*http.Request) error {
	last := via[len(via)-1].URL
	switch {
	case len(via) > c.MaxRedirects:
		return &redirectError{fmt.Sprintf("more than %d redirects", c.MaxRedirects)}
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return &redirectError{fmt.Sprintf("redirect to %s: not http or https", shown(req.URL))}
	case last.Scheme == "https" && req.URL.Scheme == "http":
		return &redirectError{fmt.Sprintf("redirect to %s: from https to http", shown(req.URL))}
	case isLinkLocal(req.URL.Hostname()):
		return &redirectError{fmt.Sprintf("redirect to %s: a link-local address", shown(req.URL))}
	}
	// net/http puts the last URL there, with the query that may give access.
	req.Header.Del("Referer")
	if strayed(req, via) {
		keepOwnHeaders(req.Header)
	}
	return nil
}

// isLinkLocal recognises the addresses under which clouds give credentials to
// whoever asks from inside.
func isLinkLocal(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLinkLocalUnicast()
}

// strayed reports whether the redirects have left the first host at any time:
// what was meant for it alone does not come back by way of another.
func strayed(req *http.Request, via []*http.Request) bool {
	for _, v := range via[1:] {
		if !sameHost(via[0].URL, v.URL) {
			return true
		}
	}
	return !sameHost(via[0].URL, req.URL)
}

// sameHost allows the one change that makes things safer, http to https.
func sameHost(a, b *url.URL) bool {
	if a.Scheme == b.Scheme {
		return a.Host == b.Host
	}
	return a.Scheme == "http" && b.Scheme == "https" && a.Hostname() == b.Hostname() && a.Port() == "" && b.Port() == ""
}

func keepOwnHeaders(h http.Header) {
	for name := range h {
		switch name {
		case "Accept-Encoding", "If-Modified-Since", "If-None-Match", "If-Range", "Range", "User-Agent":
		default:
			h.Del(name)
		}
	}
}
