package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"
)

func serveCommand(e *env) *cli.Command {
	return e.command(manual{
		name:  "serve",
		usage: "previews the site, answering like an edge",
		description: "Answers requests from the bucket as every edge must: with redirects for times and channels, and\n" +
			"with the objects for everything else. It never writes. The address goes to stdout when it\n" +
			"listens; an interrupt ends it, with exit code 0. It is meant for a look at the site, not for the\n" +
			"public.",
		examples: [2]example{
			{"Look at the site in a browser.", "datestone serve"},
			{"On a port of the system's choice.", "datestone serve --listen 127.0.0.1:0"},
		},
		flags: []cli.Flag{stringFlag("listen", "127.0.0.1:8080", "listen on `ADDR`, host:port"), jsonFlag()},
	}, func(ctx context.Context, c *cli.Context) error {
		return serveOptions{listen: c.String("listen"), json: c.Bool("json")}.run(ctx, e)
	})
}

type serveOptions struct {
	listen string
	json   bool
}

// The limits of the preview server, and how long its end may take.
const (
	headerTimeout   = 10 * time.Second
	idleTimeout     = time.Minute
	shutdownTimeout = 3 * time.Second
)

func (o serveOptions) run(ctx context.Context, e *env) error {
	r, err := e.openReader(ctx)
	if err != nil {
		return err
	}
	handler := newPreview(r, e)
	if _, err := handler.tables.get(ctx); err != nil { // a wrong bucket is told now, not to a browser
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listen on %q: %w", o.listen, err)
	}
	if err := o.report(e, "http://"+l.Addr().String()+r.config.PublicPath); err != nil {
		l.Close()
		return err
	}
	return serveUntil(ctx, l, handler)
}

func (o serveOptions) report(e *env, url string) error {
	if o.json {
		return printJSON(e.Stdout, map[string]string{"url": url})
	}
	_, err := fmt.Fprintln(e.Stdout, url)
	return err
}

// serveUntil answers until ctx ends, and lets requests that run then finish.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := s.Shutdown(last)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.Close()
	}
	<-ended
	return err
}
