package layout_test

import (
	"errors"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "datestone/"

// arrows says which of our own packages each may import. layout is the ground
// floor, the rooms on it do not know each other, cmd is where they meet.
var arrows = map[string][]string{
	"layout":            nil,
	"redirects":         {"layout"},
	"index":             {"layout"},
	"sync":              {"layout", "sync/pulpmanifest", "sync/aptrepo", "sync/rpmmd", "sync/internal/unpack"},
	"sync/pulpmanifest": {"layout"},
	"sync/aptrepo":      {"layout", "sync/internal/evr", "sync/internal/unpack"},
	"sync/rpmmd":        {"layout", "sync/internal/evr", "sync/internal/unpack"},
	"sync/history":      {"layout"},
	// What the formats' readers do the same.
	"sync/internal/evr":    nil,
	"sync/internal/unpack": nil,
	"publish":              {"layout"},
	"publish/dirstore":     {"layout", "publish"},
	"publish/s3store":      {"layout", "publish", "publish/internal/s3wire"},
	"publish/miniostore":   {"layout", "publish", "publish/internal/s3wire"},
	"publish/cloudfront":   {"layout", "publish"},
	"publish/storetest":    {"layout", "publish"},
	// The edges that tests start.
	"redirects/enginetest": nil,
	// What both S3 drivers do the same, what their tests do, and the servers
	// that tests start.
	"publish/cloudfront/edgetest": nil,
	"publish/internal/s3wire":     {"layout", "publish"},
	"publish/storetest/s3suite":   {"layout", "publish", "publish/storetest", "publish/storetest/servers"},
	"publish/storetest/servers":   {"layout", "publish"},
}

// pure are the rooms that only compute: std alone, and not those of its
// packages that reach outside.
var pure = []string{"layout", "redirects"}

var reachOutside = []string{"os", "os/exec", "os/signal", "io/ioutil", "net", "net/http", "context", "log", "log/slog", "path/filepath", "syscall", "unsafe",
	"math/rand", "math/rand/v2", "crypto/rand", "sync"}

// only names the packages that may import what speaks to one thing.
var only = map[string][]string{
	"go.etcd.io/bbolt":              {"index"},
	"github.com/cespare/xxhash":     {"index", "sync"},
	"github.com/ProtonMail/":        {"sync/aptrepo"},
	"github.com/aws/":               {"publish/s3store", "publish/cloudfront"},
	"github.com/minio/minio-go":     {"publish/miniostore", "publish/storetest/servers", "publish/storetest/s3suite"},
	"github.com/urfave/cli":         {"cmd/datestone"},
	"github.com/schollz/":           {"cmd/datestone"},
	"github.com/goccy/go-yaml":      {"cmd/datestone"},
	"github.com/ulikunitz/xz":       {"sync/internal/unpack"},
	"github.com/rogpeppe/go-intern": {"cmd/datestone"},
}

// rooms returns every folder of the module that has Go files, read by
// go/build: a test that runs "go list" stays green from the test cache.
func rooms(t *testing.T) map[string]*build.Package {
	t.Helper()
	found := map[string]*build.Package{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); path != ".." && (name == "testdata" || name[0] == '.' || name[0] == '_') {
			return filepath.SkipDir
		}
		p, err := build.ImportDir(path, 0)
		var none *build.NoGoError
		if errors.As(err, &none) {
			return nil
		}
		if rel, rerr := filepath.Rel("..", path); err == nil && rerr == nil {
			found[filepath.ToSlash(rel)] = p
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found["layout"] == nil {
		t.Fatalf("layout itself was not found among %d folders", len(found))
	}
	return found
}

func TestArrowsOfTheHouse(t *testing.T) {
	t.Parallel()
	for room, p := range rooms(t) {
		allowed, known := arrows[room]
		if !known && room != "cmd/datestone" {
			if strings.HasPrefix(room, "cmd/") || p.Name == "main" {
				continue // a tool beside the program
			}
			t.Errorf("%s is no room of the house", room)
			continue
		}
		for _, path := range p.Imports {
			target, ours := strings.CutPrefix(path, module)
			switch {
			case ours && room == "cmd/datestone" && target != "publish/storetest":
			case ours && !slices.Contains(allowed, target):
				t.Errorf("%s imports %s", room, target)
			case !ours && slices.Contains(pure, room) && (strings.Contains(path, ".") || slices.Contains(reachOutside, path)):
				t.Errorf("%s, which is pure, imports %s", room, path)
			}
		}
	}
}

func TestOneRoomSpeaksToEachThing(t *testing.T) {
	t.Parallel()
	for room, p := range rooms(t) {
		for _, path := range p.Imports {
			for prefix, allowed := range only {
				if strings.HasPrefix(path, prefix) && !slices.Contains(allowed, room) {
					t.Errorf("%s imports %s, which is for %s", room, path, strings.Join(allowed, ", "))
				}
			}
		}
	}
}

// Pages and rules depend on their arguments alone.
func TestPureRoomsNeverAskTheClock(t *testing.T) {
	t.Parallel()
	found := rooms(t)
	for _, room := range pure {
		p := found[room]
		if p == nil {
			continue
		}
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && asksTheClock(s) {
					t.Errorf("%s/%s asks for time.%s", room, name, s.Sel.Name)
				}
				return true
			})
		}
	}
}

func asksTheClock(s *ast.SelectorExpr) bool {
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "NewTimer", "NewTicker", "Tick", "AfterFunc"}, s.Sel.Name)
}
