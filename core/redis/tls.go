package redis

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
)

const pemBegin = "-----BEGIN "

// readPEM reads what an option names or, as where a secret is put in its place,
// holds itself.
func readPEM(option, value string) ([]byte, error) {
	if strings.Contains(value, pemBegin) {
		return []byte(value), nil
	}
	content, err := os.ReadFile(value)
	if err != nil {
		return nil, wrong(option, value, "a file that can be read: "+reason(err))
	}
	return content, nil
}

// shownPEM is what an error may repeat of a value.
func shownPEM(value string) string {
	if strings.Contains(value, pemBegin) {
		return pemBegin + "…"
	}
	return value
}

// config reads the files.
func (t *TLS) config() (*tls.Config, error) {
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify,
	}
	if t.CA != "" {
		pem, err := readPEM("tls.ca", t.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, wrong("tls.ca", shownPEM(t.CA), "a PEM file with a certificate in it")
		}
	}
	switch {
	case t.Cert == "" && t.Key == "":
		return c, nil
	case t.Key == "":
		return nil, wrong("tls.key", "", "the file of the key that belongs to tls.cert")
	case t.Cert == "":
		return nil, wrong("tls.cert", "", "the file of the certificate that tls.key belongs to")
	}
	cert, err := readPEM("tls.cert", t.Cert)
	if err != nil {
		return nil, err
	}
	key, err := readPEM("tls.key", t.Key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, wrong("tls.cert", shownPEM(t.Cert), "a PEM certificate and its key in tls.key: "+err.Error())
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// reason is what an error about a file says beside the file's name.
func reason(err error) string {
	if e, ok := err.(*os.PathError); ok {
		return e.Err.Error()
	}
	return err.Error()
}
