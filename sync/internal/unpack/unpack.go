package unpack

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// ErrTooLong is content that has more bytes than the limit.
var ErrTooLong = errors.New("is too long when unpacked")

// maxWindow is what "xz -9" and "zstd --ultra -22" need at most, in bytes: how
// much memory a file may ask for.
const maxWindow = 128 << 20

// Reader returns the plain content of r, which ends with ErrTooLong after limit
// bytes when there are more. Closing it does not close r.
func Reader(r io.Reader, limit int64) (io.ReadCloser, error) {
	end := &ending{Reader: r}
	b := bufio.NewReaderSize(end, 64<<10)
	head, err := b.Peek(blockHeaderEnd)
	if err != nil && err != io.EOF {
		return nil, err
	}
	plain, err := unpacked(b, head, end)
	if err != nil {
		return nil, err
	}
	return &limited{ReadCloser: plain, left: limit, limit: limit}, nil
}

func unpacked(r *bufio.Reader, head []byte, end *ending) (io.ReadCloser, error) {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzip.NewReader(r)
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		if err := checkDictionary(head); err != nil {
			return nil, err
		}
		x, err := xz.NewReader(r)
		return io.NopCloser(&wholeXZ{x, end}), err
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	case bytes.HasPrefix(head, []byte("BZh")):
		return io.NopCloser(bzip2.NewReader(r)), nil
	case bytes.HasPrefix(head, []byte("\x00ZCK1")):
		return nil, errors.New("is in zchunk form, which is not unpacked here")
	}
	return io.NopCloser(r), nil
}

// The form of an .xz file, section 2.1.1 and 3.1: a stream header of 12 bytes,
// then a block header with at most two sizes of 9 bytes before the filter.
const (
	streamHeader   = 12
	blockHeaderEnd = streamHeader + 2 + 2*9 + 3
	hasSize        = 0x40 // and the next bit: another one
	filterLZMA2    = 0x21
)

// checkDictionary refuses an .xz whose first block wants more memory than is
// given: the library takes what the header says.
func checkDictionary(head []byte) error {
	if len(head) < streamHeader+2 || head[streamHeader] == 0 { // cut short, or without a block
		return nil
	}
	flags, rest := head[streamHeader+1], head[streamHeader+2:]
	for size := byte(hasSize); size != 0; size <<= 1 {
		for more := flags&size != 0; more && len(rest) > 0; rest = rest[1:] {
			more = rest[0]&0x80 != 0
		}
	}
	if len(rest) < 3 || rest[0] != filterLZMA2 {
		return nil // which the library refuses
	}
	dictionary, err := lzma.DecodeDictCap(rest[2])
	if err == nil && dictionary > maxWindow {
		err = fmt.Errorf("xz: needs a dictionary of %d bytes, the limit is %d", dictionary, maxWindow)
	}
	return err
}

// An ending remembers the last two bytes that were read.
type ending struct {
	io.Reader
	last [2]byte
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	for _, b := range p[max(0, n-len(e.last)):n] {
		e.last = [2]byte{e.last[1], b}
	}
	return n, err
}

// wholeXZ finds out what the library does not: a file that was cut between two
// blocks. The whole ends in YZ; that zeros may follow is not made use of.
type wholeXZ struct {
	io.Reader
	end *ending
}

func (x *wholeXZ) Read(p []byte) (int, error) {
	n, err := x.Reader.Read(p)
	if err == io.EOF && string(x.end.last[:]) != "YZ" {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// limited ends with ErrTooLong, unlike an io.LimitedReader.
type limited struct {
	io.ReadCloser
	left, limit int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left == 0 {
		var probe [1]byte
		n, err := io.ReadFull(l.ReadCloser, probe[:])
		if n > 0 {
			err = fmt.Errorf("%w: more than %d bytes", ErrTooLong, l.limit)
		}
		return 0, err
	}
	n, err := l.ReadCloser.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}
