package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// What bbolt's file is made of, in the byte order of the machine. bbolt checks
// the meta pages after it has mapped the file, and nothing else at all; a file
// shorter than its meta page says ends the process when the missing part is
// read. So it is looked at here before, with ordinary reads.
const (
	pageHead    = 16 // id uint64, flags and count uint16, overflow uint32
	elementSize = 16

	flagBranch = 0x01
	flagLeaf   = 0x02
	flagMeta   = 0x04
	flagFree   = 0x10

	metaSize    = 64
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	leafIsBucket  = 0x01
	inBucketSize  = 16 // root page and sequence, uint64 each
	noFreelist    = ^uint64(0)
	minPageSize   = 1 << 10
	maxPageSize   = minPageSize << (pageSizeSteps - 1)
	pageSizeSteps = 15
)

var native = binary.NativeEndian

// boltMeta is what is needed of a meta page.
type boltMeta struct {
	pageSize                  int64
	root, freelist, pages, tx uint64
}

// readMeta reads the meta page at an offset, and false where there is none.
func readMeta(f io.ReaderAt, at int64) (m boltMeta, ok bool) {
	var b [pageHead + metaSize]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return m, false
	}
	meta := b[pageHead:]
	sum := fnv.New64a()
	sum.Write(meta[:metaSize-8])
	m = boltMeta{pageSize: int64(native.Uint32(meta[8:])), root: native.Uint64(meta[16:]),
		freelist: native.Uint64(meta[32:]), pages: native.Uint64(meta[40:]), tx: native.Uint64(meta[48:])}
	ok = m.pageSize >= minPageSize && m.pageSize <= maxPageSize && native.Uint16(b[8:])&flagMeta != 0 && native.Uint32(meta) == boltMagic &&
		native.Uint32(meta[4:]) == boltVersion && native.Uint64(meta[56:]) == sum.Sum64()
	return m, ok
}

// currentMeta returns the meta page that bbolt would go by: of the two, the
// valid one of the later transaction.
func currentMeta(f io.ReaderAt) (boltMeta, error) {
	first, ok := readMeta(f, 0)
	if ok {
		if second, ok := readMeta(f, first.pageSize); ok && second.tx > first.tx {
			return second, nil
		}
		return first, nil
	}
	for i := range pageSizeSteps {
		size := int64(minPageSize) << i
		if second, ok := readMeta(f, size); ok && second.pageSize == size {
			return second, nil
		}
	}
	return first, errors.New("is no index: neither of its meta pages is valid")
}

// checkFile says what is wrong with a file that bbolt is to map: nothing when
// it is empty, which is new.
func checkFile(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	m, err := currentMeta(f)
	if err != nil {
		return err
	}
	if need := m.pages * uint64(m.pageSize); m.pages >= 1<<40 || need > uint64(info.Size()) {
		return fmt.Errorf("is truncated: %d bytes of at least %d", info.Size(), need)
	}
	p := pageReader{f: f, boltMeta: m}
	if m.freelist != noFreelist {
		if _, err := p.read(m.freelist, flagFree); err != nil {
			return err
		}
	}
	_, err = p.read(m.root, flagLeaf|flagBranch)
	return err
}

// A pageReader walks the pages of a file without mapping it.
type pageReader struct {
	f io.ReaderAt
	boltMeta
	seen map[uint64]bool
}

// read returns a page with its overflow, which must be of one of the types.
func (p *pageReader) read(id uint64, types uint16) ([]byte, error) {
	if id < 2 || id >= p.pages {
		return nil, fmt.Errorf("has no page %d", id)
	}
	head := make([]byte, p.pageSize)
	if _, err := p.f.ReadAt(head, int64(id)*p.pageSize); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	flags, more := native.Uint16(head[8:]), uint64(native.Uint32(head[12:]))
	if native.Uint64(head) != id || flags&types == 0 || flags&^types != 0 || id+more >= p.pages {
		return nil, fmt.Errorf("page %d is not what it should be", id)
	}
	if more == 0 {
		return head, nil
	}
	page := make([]byte, p.pageSize*int64(more+1))
	_, err := p.f.ReadAt(page, int64(id)*p.pageSize)
	return page, err
}

// walk reads all pages below one, and says of the first that is damaged what
// is wrong: bbolt would read outside of the file, or for ever.
func (p *pageReader) walk(id uint64) error {
	if p.seen[id] {
		return fmt.Errorf("page %d is there twice", id)
	}
	p.seen[id] = true
	page, err := p.read(id, flagLeaf|flagBranch)
	if err != nil {
		return err
	}
	return p.walkElements(id, page)
}

func (p *pageReader) walkElements(id uint64, page []byte) error {
	count := int(native.Uint16(page[10:]))
	if pageHead+count*elementSize > len(page) {
		return fmt.Errorf("page %d: %d elements are too many", id, count)
	}
	for i := range count {
		at := pageHead + i*elementSize
		child, err := p.element(page, at)
		if err == nil && child != 0 {
			err = p.walk(child)
		}
		if err != nil {
			return fmt.Errorf("page %d, element %d: %w", id, i, err)
		}
	}
	return nil
}

// element returns the page that the element at an offset leads to, or 0.
func (p *pageReader) element(page []byte, at int) (child uint64, err error) {
	e := page[at : at+elementSize]
	if native.Uint16(page[8:]) == flagBranch {
		pos, size := uint64(native.Uint32(e)), uint64(native.Uint32(e[4:]))
		if uint64(at)+pos+size > uint64(len(page)) {
			return 0, errors.New("its key lies outside")
		}
		return native.Uint64(e[8:]), nil
	}
	pos, key, value := uint64(native.Uint32(e[4:])), uint64(native.Uint32(e[8:])), uint64(native.Uint32(e[12:]))
	if uint64(at)+pos+key+value > uint64(len(page)) {
		return 0, errors.New("its value lies outside")
	}
	if native.Uint32(e)&leafIsBucket == 0 {
		return 0, nil
	}
	if value < inBucketSize {
		return 0, errors.New("is no bucket")
	}
	return native.Uint64(page[uint64(at)+pos+key:]), nil
}

// checkPages walks all pages of the file that is open under a name.
func checkPages(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := currentMeta(f)
	if err != nil {
		return err
	}
	p := pageReader{f: f, boltMeta: m, seen: map[uint64]bool{}}
	return p.walk(m.root)
}
