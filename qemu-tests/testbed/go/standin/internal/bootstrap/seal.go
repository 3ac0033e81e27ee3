// Package bootstrap keeps what makes a cluster this cluster, its authorities and the key of its service accounts, in the datastore, as
// k3s does: a new machine that is given the same token and datastore becomes the cluster's server. Only who knows the token can read it.
package bootstrap

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// Prefix is where the datastore holds it.
const Prefix = "/bootstrap/"

const (
	saltBytes  = 16
	keyBytes   = 32
	iterations = 4096
	hashDigits = 12
)

// Key is the datastore's key for the cluster whose token has that secret.
func Key(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return Prefix + hex.EncodeToString(sum[:])[:hashDigits]
}

// Seal encrypts with a key that comes from the secret: salt, nonce and AES-GCM's text, one after the other.
func Seal(secret string, plain []byte) ([]byte, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt) //nolint:errcheck // never fails
	sealer, err := newSealer(secret, salt)
	if err != nil {
		return nil, err
	}
	return sealer.Seal(salt, nil, plain, nil), nil
}

// Unseal gives what Seal was given. The error does not hold the secret.
func Unseal(secret string, sealed []byte) ([]byte, error) {
	if len(sealed) < saltBytes {
		return nil, errors.New("too short")
	}
	sealer, err := newSealer(secret, sealed[:saltBytes])
	if err != nil {
		return nil, err
	}
	plain, err := sealer.Open(nil, nil, sealed[saltBytes:], nil)
	if err != nil {
		return nil, fmt.Errorf("it was not encrypted with this token, or was changed: %w", err)
	}
	return plain, nil
}

func newSealer(secret string, salt []byte) (cipher.AEAD, error) {
	key, err := pbkdf2.Key(sha256.New, secret, salt, iterations, keyBytes)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
