package enginetest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"golang.org/x/sync/errgroup"
)

// An Answer is what an engine said to a request.
type Answer struct {
	Method, Target string
	Status         int
	Header         http.Header
	Body           string
}

// Ask sends targets as they are, byte for byte, over several connections kept
// alive, every fifth with HEAD, and hands each answer to check, which is called
// from several goroutines.
func (e Engine) Ask(t testing.TB, targets []string, check func(Answer)) {
	t.Helper()
	const connections = 8
	var g errgroup.Group
	for c := range connections {
		g.Go(func() error {
			for i := c; i < len(targets); {
				n, err := e.askSome(targets, i, connections, check)
				if err != nil {
					return err
				}
				i = n
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// askSome asks for targets i, i+step, … over one connection until the engine
// closes it, as it does after a bad request, and Apache when it is busy, without
// a word. It returns the next one to ask.
func (e Engine) askSome(targets []string, i, step int, check func(Answer)) (int, error) {
	conn, err := net.Dial("tcp", e.Addr)
	if err != nil {
		return i, err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	first := i
	for closed := false; i < len(targets) && !closed; i += step {
		a := Answer{Method: http.MethodGet, Target: targets[i]}
		if i%5 == 4 {
			a.Method = http.MethodHead
		}
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\n\r\n", a.Method, a.Target)
		r, err := http.ReadResponse(answers, &http.Request{Method: a.Method})
		if err == io.ErrUnexpectedEOF && i != first {
			return i, nil
		}
		if err != nil {
			return i, fmt.Errorf("%s: %w", a.Target, err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return i, fmt.Errorf("%s: %w", a.Target, err)
		}
		a.Status, a.Header, a.Body = r.StatusCode, r.Header, string(body)
		check(a)
		closed = r.Close
	}
	return i, nil
}
