package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"golang.org/x/crypto/ssh"
)

// maxKeyFile is the limit for a file of keys, in bytes.
const maxKeyFile = 1 << 20

// sign reads with which key records are signed, and whose signatures count.
func (r *configReader) sign(n ast.Node) {
	var key, trusted string
	to := &r.config.Sign
	seen := r.fields(n, map[string]field{
		"key": func(n ast.Node) {
			r.keyFile(n, &key, func(body []byte) (err error) { to.Key, err = parseSigner(body); return err })
		},
		"trusted": func(n ast.Node) {
			r.keyFile(n, &trusted, func(body []byte) (err error) { to.Trusted, err = parseTrusted(body); return err })
		},
	})
	if len(seen) == 0 {
		r.problem(n, `write "key", "trusted" or both`)
	}
}

// keyFile reads the file that n names, and says what is wrong with it there.
func (r *configReader) keyFile(n ast.Node, name *string, parse func([]byte) error) {
	r.file(name)(n)
	if *name == "" {
		return
	}
	body, err := readKeyFile(*name)
	if err != nil {
		r.problem(n, "cannot read %q: %v", *name, plainPathError(err))
		return
	}
	if err := parse(body); err != nil {
		r.problem(n, "%q: %v", *name, err)
	}
}

func readKeyFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe would be waited for, for ever
		return nil, errors.New("is no regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err == nil && len(body) > maxKeyFile {
		err = fmt.Errorf("is larger than %d bytes", maxKeyFile)
	}
	return body, err
}

// makeKey is how the key that is wanted comes about.
const makeKey = `ssh-keygen -t ed25519 -N "" -f FILE makes one`

// parseSigner reads a private key of OpenSSH. It must be an Ed25519 key: the
// same record then has the same signature whenever it is signed again.
func parseSigner(body []byte) (ssh.Signer, error) {
	key, err := ssh.ParsePrivateKey(body)
	var encrypted *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &encrypted):
		return nil, errors.New("the key is encrypted, and nobody is there to type its passphrase: " +
			`take a key without one (ssh-keygen -p -N "" -f FILE removes it), and let the file's mode protect it`)
	case err != nil: // whose text is not to be trusted with what it read
		return nil, errors.New("is no private SSH key: " + makeKey)
	case key.PublicKey().Type() != ssh.KeyAlgoED25519:
		return nil, fmt.Errorf("is a key of type %s, not ssh-ed25519: %s", key.PublicKey().Type(), makeKey)
	}
	return key, nil
}

// parseTrusted reads public keys, one a line: as allowed_signers of ssh-keygen
// has them, whoever the principals are, or as authorized_keys. Keys that are
// for other namespaces are passed over.
func parseTrusted(body []byte) ([]ssh.PublicKey, error) {
	var keys []ssh.PublicKey
	number := 0
	for line := range bytes.Lines(body) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		key, counts, err := parseTrustedLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if counts {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("has no public key for the namespace %q", signatureNamespace)
	}
	return keys, nil
}

func parseTrustedLine(line []byte) (key ssh.PublicKey, counts bool, err error) {
	key, _, options, _, err := ssh.ParseAuthorizedKey(line)
	if _, rest, found := bytes.Cut(line, []byte(" ")); err != nil && found {
		key, _, options, _, err = ssh.ParseAuthorizedKey(rest) // behind the principals
	}
	if err != nil {
		return nil, false, errors.New(`write "datestone ssh-ed25519 AAAA…" (as for ssh-keygen -Y verify), or "ssh-ed25519 AAAA…"`)
	}
	counts = true
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		switch strings.ToLower(name) {
		case "namespaces":
			counts = inNamespaces(strings.Trim(value, `"`))
		case "cert-authority", "valid-after", "valid-before":
			return nil, false, fmt.Errorf("%q is not known here: name the keys themselves, and take them out when they count no more", name)
		}
	}
	return key, counts, nil
}

// inNamespaces reports whether ours is among the patterns, as ssh_config has
// them: * and ?, separated by commas.
func inNamespaces(patterns string) bool {
	for p := range strings.SplitSeq(patterns, ",") {
		if ok, err := path.Match(p, signatureNamespace); ok && err == nil {
			return true
		}
	}
	return false
}
