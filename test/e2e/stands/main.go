// Command stands has stand-ins for well-known backends, each on a port of its own and with the behaviour that a proxy in front of the
// real one gets wrong: Grafana on 3000, Argo CD on 8080 (with TLS) and 8081 (below /argocd), a registry on 5000, and an OIDC provider on
// 5556 with an application on 5557 that signs people in by it. None is configured with the address that people use.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"log"
	"math/big"
	"net/http"
	"strings"
	"time"
)

func main() {
	serve := func(address string, handler http.Handler) {
		server := &http.Server{Addr: address, Handler: handler, Protocols: new(http.Protocols)}
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetUnencryptedHTTP2(true)
		log.Fatal(server.ListenAndServe())
	}
	go serve(":3000", grafana())
	go serve(":5000", registry())
	go serve(":5556", provider())
	go serve(":5557", application())
	go serve(":8081", argo("/argocd", true))
	log.Fatal(serveBoth(":8080", argo("", false)))
}

func secret() string {
	var bytes [16]byte
	rand.Read(bytes[:])
	return hex.EncodeToString(bytes[:])
}

// origin is where the client says that it is, by what proxies say of it: so do Keycloak, the registry and oauth2-proxy.
func origin(r *http.Request) string {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if proto := first(r.Header.Get("X-Forwarded-Proto")); proto != "" {
		scheme = proto
	}
	if forwarded := first(r.Header.Get("X-Forwarded-Host")); forwarded != "" {
		host = forwarded
	}
	return scheme + "://" + host
}

func first(list string) string {
	value, _, _ := strings.Cut(list, ",")
	return strings.TrimSpace(value)
}

func certificate() tls.Certificate {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{Organization: []string{"Argo CD"}}, DNSNames: []string{"localhost", "argocd-server"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1e4 * time.Hour)}
	der, _ := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
