package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"datestone/layout"
	"datestone/publish"
)

// signatureNamespace is what "ssh-keygen -Y verify -n" is told: a signature
// that was made for something else counts for nothing here.
const signatureNamespace = "datestone"

// A signing says with which key records are signed, and whose signatures
// count; both may be missing.
type signing struct {
	Key     ssh.Signer
	Trusted []ssh.PublicKey
}

// sign returns the signature of a record, as "ssh-keygen -Y sign" makes it. The
// same record and key give the same bytes.
func (s signing) sign(record []byte) ([]byte, error) {
	sig, err := sshsig.Sign(bytes.NewReader(record), s.Key, sshsig.HashSHA512, signatureNamespace)
	if err != nil {
		return nil, err
	}
	return sshsig.Armor(sig), nil
}

// errSignature is a signature that does not count: what errors of check wrap.
var errSignature = errors.New("does not count")

// check says why the signature of a record does not count; nil where it does.
func (s signing) check(record, signature []byte) error {
	sig, err := sshsig.Unarmor(signature)
	if err != nil {
		return fmt.Errorf("%w: it is none of ssh-keygen: %v", errSignature, err)
	}
	for _, key := range s.Trusted {
		if !bytes.Equal(key.Marshal(), sig.PublicKey.Marshal()) {
			continue
		}
		if err := sshsig.Verify(bytes.NewReader(record), sig, key, sig.HashAlgorithm, signatureNamespace); err != nil {
			return fmt.Errorf("%w: it is not one of this record for %q: %v", errSignature, signatureNamespace, err)
		}
		return nil
	}
	return fmt.Errorf("%w: its key %s is not trusted", errSignature, ssh.FingerprintSHA256(sig.PublicKey))
}

// verifySigned holds the signature of an entry against the trusted keys, by one
// request. An error that is errSignature is damage; where no keys are
// configured there is nothing to find.
func (s signing) verifySigned(ctx context.Context, log *publish.Log, e layout.Entry) error {
	if len(s.Trusted) == 0 {
		return nil
	}
	signature, err := log.Signature(ctx, e.Entry)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is none", errSignature)
	}
	if err != nil {
		return err
	}
	record, err := e.Record.Encode()
	if err != nil {
		return err
	}
	return s.check(record, signature)
}

// sign puts a signature beside each record that lacks one. It comes before the
// announcement, so that what readers are led to is signed.
func (p *pass) sign(ctx context.Context) error {
	unsigned, err := p.unsigned(ctx)
	if err != nil || !unsigned {
		return err
	}
	head := p.known.Table.Log
	if err := p.log.Sign(ctx, p.signed, head, p.config.Sign.sign); err != nil {
		return err
	}
	p.signed = head.Entries
	return p.index.Remember(p.signedName(), []byte(strconv.Itoa(p.signed)))
}

func (p *pass) signedName() string { return "signed " + p.repo.Name }

// unsigned reports whether records wait for their signatures: by what the index
// remembers, or else, when the index is new, by looking in the bucket.
func (p *pass) unsigned(ctx context.Context) (bool, error) {
	head := p.known.Table.Log
	if p.config.Sign.Key == nil || p.signed == head.Entries {
		return false, nil
	}
	b, err := p.index.Recall(p.signedName())
	switch {
	case err == nil:
		p.signed, err = strconv.Atoi(string(b))
	case errors.Is(err, fs.ErrNotExist):
		if p.signed, err = p.log.Signed(ctx, head.Entries); err == nil {
			err = p.index.Remember(p.signedName(), []byte(strconv.Itoa(p.signed)))
		}
	}
	return p.signed < head.Entries, err
}

// wrongSignature is a signature that does not count.
const wrongSignature publish.Flaw = "signature"

// signatures looks at the signatures of the records up to shown, the last that
// readers are led to: it had to be signed before that. Where the log is not
// whole, the records that can't be read were told of already.
func (w *verifyWork) signatures(ctx context.Context, shown int) error {
	if len(w.config.Sign.Trusted) == 0 {
		return nil
	}
	wrong := make([]error, shown+1)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(w.bucket.Jobs())
	for n := 1; n <= shown && gctx.Err() == nil; n++ {
		g.Go(func() error {
			e, err := w.log.Entry(gctx, n)
			if err == nil {
				wrong[n] = w.config.Sign.verifySigned(gctx, w.log, e)
			} else if w.history.Whole {
				return err
			}
			return context.Cause(gctx)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for n, err := range wrong {
		if err == nil {
			continue
		}
		if !errors.Is(err, errSignature) {
			return err
		}
		f := publish.Finding{Flaw: wrongSignature, Key: layout.SignatureKey(w.repo.BasePath, n), Detail: err.Error()}
		if err := w.found(ctx, f); err != nil {
			return err
		}
	}
	return ctx.Err()
}
