package aptrepo

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// A Keyring holds the public keys that are trusted.
type Keyring struct {
	keys openpgp.EntityList
	// AllowExpired takes signatures of keys that have expired or were revoked:
	// those of archives that nobody signs any more.
	AllowExpired bool
}

// ParseKeyring reads public keys: packets as gpg --export writes them, or one
// or more armored blocks.
func ParseKeyring(b []byte) (Keyring, error) {
	var k Keyring
	blocks, err := blocks(b, openpgp.PublicKeyType)
	for _, block := range blocks {
		var keys openpgp.EntityList
		if err == nil {
			err = public(block)
		}
		if err == nil {
			keys, err = openpgp.ReadKeyRing(bytes.NewReader(block))
		}
		k.keys = append(k.keys, keys...)
	}
	if err == nil && len(k.keys) == 0 {
		err = errors.New("there is none")
	}
	if err != nil {
		return Keyring{}, fmt.Errorf("is no file of public keys: %w", err)
	}
	return k, nil
}

// public refuses secret keys, since keyrings are published.
func public(block []byte) error {
	const secretKey, secretSubkey = 5, 7 // RFC 9580, section 5
	for packets := packet.NewOpaqueReader(bytes.NewReader(block)); ; {
		p, err := packets.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case p.Tag == secretKey || p.Tag == secretSubkey:
			return errors.New("it has a secret key; write gpg --export in place of --export-secret-keys")
		}
	}
}

// Armored returns a file of public keys as one armored block, which is what all
// clients read: apt of several blocks the first alone, rpm no binary file.
func Armored(b []byte) ([]byte, error) {
	blocks, err := blocks(b, openpgp.PublicKeyType)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	w, err := armor.Encode(&text, openpgp.PublicKeyType, nil)
	if err != nil {
		return nil, err
	}
	for _, block := range blocks {
		if _, err := w.Write(block); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	text.WriteByte('\n')
	return text.Bytes(), nil
}

var armorBegin = []byte("-----BEGIN PGP ")

// blocks takes the armor away, where there is any.
func blocks(b []byte, kind string) ([][]byte, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(b), armorBegin) {
		return [][]byte{b}, nil
	}
	var all [][]byte
	for len(bytes.TrimSpace(b)) > 0 {
		end := []byte("-----END " + kind + "-----")
		at := bytes.Index(b, end)
		if at < 0 {
			return nil, fmt.Errorf("armor does not end with %s", end)
		}
		block, err := armor.Decode(bytes.NewReader(b[:at+len(end)]))
		if err == nil && block.Type != kind {
			err = fmt.Errorf("armor has the type %q, not %q", block.Type, kind)
		}
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(block.Body)
		if err != nil {
			return nil, err
		}
		all, b = append(all, body), b[at+len(end):]
	}
	return all, nil
}

var clearSignedBegin = []byte("-----BEGIN PGP SIGNED MESSAGE-----")

// ClearSigned returns the text of a clear-signed message (an InRelease) that a
// key of the keyring signed. Nothing may stand around the message: what is
// not signed must not be taken for what is.
func (k Keyring) ClearSigned(message []byte, now time.Time) ([]byte, error) {
	block, err := clearSigned(message)
	if err != nil {
		return nil, err
	}
	signatures, err := io.ReadAll(block.ArmoredSignature.Body)
	if err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	// Block.Bytes, which is what was signed, has other ends of lines.
	return block.Plaintext, k.verify(block.Bytes, signatures, now)
}

// SignedText returns the text of a signed message, whoever signed it: for what
// was verified before.
func SignedText(message []byte) ([]byte, error) {
	block, err := clearSigned(message)
	if err != nil {
		return nil, err
	}
	return block.Plaintext, nil
}

func clearSigned(message []byte) (*clearsign.Block, error) {
	if !bytes.HasPrefix(message, clearSignedBegin) {
		// One line tells a page of HTML; more of what may be anything is not
		// for a status that everybody reads.
		first, _, _ := bytes.Cut(message, []byte("\n"))
		return nil, fmt.Errorf("is not a signed message: it begins with %s", quote(first))
	}
	block, rest := clearsign.Decode(message)
	switch {
	case block == nil:
		return nil, errors.New("is not a whole signed message")
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("has more than a signed message")
	}
	return block, nil
}

// Detached verifies a signature beside a text (Release.gpg), armored or not.
func (k Keyring) Detached(text, signature []byte, now time.Time) error {
	blocks, err := blocks(signature, openpgp.SignatureType)
	if err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	return k.verify(text, bytes.Join(blocks, nil), now)
}

// verify wants one good signature, and none by a known key that is wrong, as
// apt does. Signatures of unknown keys count neither way.
func (k Keyring) verify(text, signatures []byte, now time.Time) error {
	packets := packet.NewOpaqueReader(bytes.NewReader(signatures))
	good := false
	var reasons []string
	for {
		p, err := packets.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("signature: %w", err)
		}
		var refused *refusedError
		err = k.verifyOne(text, p, now)
		switch {
		case err == nil:
			good = true
		case errors.As(err, &refused):
			reasons = append(reasons, err.Error())
		default:
			return err
		}
	}
	switch {
	case good:
		return nil
	case len(reasons) == 0:
		return errors.New("has no signature")
	}
	return fmt.Errorf("no signature is good: %s", strings.Join(slices.Compact(reasons), "; "))
}

// A refusedError is a signature that proves nothing. Another one beside it may.
type refusedError struct{ text string }

func (e *refusedError) Error() string { return e.text }

// strongHashes are what may be signed: MD5, SHA-1 and RIPEMD-160 can be made to
// collide.
var strongHashes = []crypto.Hash{crypto.SHA224, crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA3_256, crypto.SHA3_512}

func (k Keyring) verifyOne(text []byte, p *packet.OpaquePacket, now time.Time) error {
	parsed, err := p.Parse()
	sig, ok := parsed.(*packet.Signature)
	if err != nil || !ok || sig.IssuerKeyId == nil {
		return &refusedError{"a packet is no signature that is known here"}
	}
	name := fmt.Sprintf("key %016X", *sig.IssuerKeyId)
	switch {
	case len(k.keys.KeysById(*sig.IssuerKeyId)) == 0:
		return &refusedError{name + " is not in the keyring"}
	case len(k.keys.KeysByIdUsage(*sig.IssuerKeyId, packet.KeyFlagSign)) == 0:
		return &refusedError{name + " is not one that signs"}
	case !slices.Contains(strongHashes, sig.Hash):
		return &refusedError{fmt.Sprintf("%s signed a digest (%v) that is refused", name, sig.Hash)}
	}
	var raw bytes.Buffer
	if err := p.Serialize(&raw); err != nil {
		return err
	}
	_, _, err = openpgp.VerifyDetachedSignature(k.keys, bytes.NewReader(text), &raw, &packet.Config{Time: func() time.Time { return now }})
	switch {
	case errors.Is(err, pgperrors.ErrKeyExpired) && !k.AllowExpired:
		return &refusedError{name + " has expired"}
	case errors.Is(err, pgperrors.ErrKeyRevoked) && !k.AllowExpired:
		return &refusedError{name + " was revoked"}
	case errors.Is(err, pgperrors.ErrKeyExpired), errors.Is(err, pgperrors.ErrKeyRevoked):
		return nil
	case errors.Is(err, pgperrors.ErrSignatureExpired):
		return &refusedError{"the signature of " + name + " has expired"}
	case err != nil:
		return fmt.Errorf("the signature of %s is wrong: %w", name, err)
	}
	return nil
}
