package redis

import (
	"crypto/tls"
	"crypto/x509"
	"os"
)

// config reads the files.
func (t *TLS) config() (*tls.Config, error) {
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify,
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, wrong("tls.ca", t.CA, "a file that can be read: "+reason(err))
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, wrong("tls.ca", t.CA, "a PEM file with a certificate in it")
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
	cert, err := os.ReadFile(t.Cert)
	if err != nil {
		return nil, wrong("tls.cert", t.Cert, "a file that can be read: "+reason(err))
	}
	key, err := os.ReadFile(t.Key)
	if err != nil {
		return nil, wrong("tls.key", t.Key, "a file that can be read: "+reason(err))
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, wrong("tls.cert", t.Cert, "a PEM certificate and its key in tls.key: "+err.Error())
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
