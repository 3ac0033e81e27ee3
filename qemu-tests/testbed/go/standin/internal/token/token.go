// Package token understands k3s's tokens: a bare secret, or K10<sha256 of the cluster's CA file>::<user>:<secret>.
package token

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Token is a parsed token.
type Token struct {
	CAHash string // hex; empty if the token says nothing of the CA
	User   string
	Secret string
}

var full = regexp.MustCompile(`^K10([0-9a-f]{64})::(?:([^:]+):)?(.+)$`)

// Parse reads a token. The error never holds the token.
func Parse(text string) (Token, error) {
	if text == "" {
		return Token{}, errors.New("the token is empty")
	}
	if strings.HasPrefix(text, "K10") {
		found := full.FindStringSubmatch(text)
		if found == nil {
			return Token{}, errors.New("invalid token format: K10, 64 hexadecimal digits, \"::\" and the credentials are expected")
		}
		return Token{CAHash: found[1], User: found[2], Secret: found[3]}, nil
	}
	return Token{User: "node", Secret: text}, nil
}

// Choose takes the token that was given, else the one that an earlier start of the server kept, else makes one. An empty text is none.
func Choose(given, kept string) (Token, error) {
	if given != "" {
		return Parse(given)
	}
	if kept = strings.TrimSpace(kept); kept != "" {
		parsed, err := Parse(kept)
		if err != nil {
			return Token{}, fmt.Errorf("the token of an earlier start: %w", err)
		}
		return Token{Secret: parsed.Secret}, nil
	}
	random := make([]byte, 16)
	rand.Read(random) //nolint:errcheck // never fails
	return Token{Secret: hex.EncodeToString(random)}, nil
}

// HashCA is what a token says of a CA file.
func HashCA(pem []byte) string {
	sum := sha256.Sum256(pem)
	return hex.EncodeToString(sum[:])
}

// Format writes the full form.
func Format(caPEM []byte, user, secret string) string {
	return fmt.Sprintf("K10%s::%s:%s", HashCA(caPEM), user, secret)
}

// Bootstrap derives the id and the secret of a Kubernetes bootstrap token, so that the secret itself is stored nowhere in
// the cluster and need not have a bootstrap token's form.
func Bootstrap(secret string) (id, bootstrap string) {
	derive := func(purpose string, digits int) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(purpose))
		return hex.EncodeToString(mac.Sum(nil))[:digits]
	}
	return derive("bootstrap token id", 6), derive("bootstrap token secret", 16)
}
