package main

import (
	"net"
	"testing"
	"time"
)

// delayed returns an address at which whoever listens at addr is reached by a
// longer way: what is sent comes later, in either direction. No header
// changes, so that what is signed stays right, and many bytes are on their way
// at once, as they are between cities.
func delayed(b *testing.B, addr string, by time.Duration) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", addr)
			if err != nil {
				from.Close()
				continue
			}
			go carry(from.(*net.TCPConn), to.(*net.TCPConn), by)
			go carry(to.(*net.TCPConn), from.(*net.TCPConn), by)
		}
	}()
	return l.Addr().String()
}

// A parcel is on its way.
type parcel struct {
	due  time.Time
	body []byte
}

// carry brings what one sends to the other, until it ends.
func carry(from, to *net.TCPConn, by time.Duration) {
	way := make(chan parcel, 1024)
	go func() {
		defer close(way)
		for {
			body := make([]byte, 32<<10)
			n, err := from.Read(body)
			if n > 0 {
				way <- parcel{time.Now().Add(by), body[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range way {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.body); err != nil {
			from.Close() // ends the reader
		}
	}
	to.CloseWrite()
}
