package main

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// issued is what a code stands for: who issued it, to whom, and the nonce of the request.
var issued sync.Map

type grant struct{ Issuer, RedirectURI, Nonce string }

// provider asks for consent and answers by a redirect, or by a form that posts itself, to the redirect_uri that the request has.
func provider() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		issuer := origin(r)
		json.NewEncoder(w).Encode(map[string]any{"issuer": issuer, "authorization_endpoint": issuer + "/auth", "token_endpoint": issuer + "/token", "response_modes_supported": []string{"query", "form_post"}})
	})
	mux.HandleFunc("GET /auth", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "AUTH_SESSION", Value: secret(), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Referrer-Policy", "no-referrer") // as Keycloak: its own form then says "Origin: null"
		fmt.Fprintf(w, `<!doctype html><title>Sign in</title><form method="post" action="/consent?%s"><button>Grant</button></form>`, html.EscapeString(r.URL.RawQuery))
	})
	mux.HandleFunc("POST /consent", func(w http.ResponseWriter, r *http.Request) {
		asked := r.URL.Query()
		if _, err := r.Cookie("AUTH_SESSION"); err != nil {
			http.Error(w, "no session", http.StatusBadRequest)
			return
		}
		code, to := secret(), asked.Get("redirect_uri")
		issued.Store(code, grant{origin(r), to, asked.Get("nonce")})
		answer := url.Values{"code": {code}, "state": {asked.Get("state")}, "iss": {origin(r)}}
		if asked.Get("response_mode") != "form_post" {
			http.Redirect(w, r, to+"?"+answer.Encode(), http.StatusSeeOther)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><body onload="document.forms[0].submit()"><form method="post" action="%s">`, html.EscapeString(to))
		for name := range answer {
			fmt.Fprintf(w, `<input type="hidden" name="%s" value="%s">`, name, html.EscapeString(answer.Get(name)))
		}
	})
	return mux
}

// application signs in by the provider at the name "login" beside its own, as oauth2-proxy does: the state is in a cookie, which with
// ?mode=form_post has to come with a request of another site, and the session in one for its whole domain.
func application() http.Handler {
	var sessions sync.Map
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie("_session"); err == nil {
			if issuer, known := sessions.Load(cookie.Value); known {
				w.Header().Set("Content-Type", "text/html")
				fmt.Fprintf(w, "<!doctype html><title>App</title><h1>signed in at %s by %s</h1>", origin(r), issuer)
				return
			}
		}
		scheme, host, _ := strings.Cut(origin(r), "://")
		_, rest, _ := strings.Cut(host, ".")
		state, nonce, mode := secret(), secret(), r.URL.Query().Get("mode")
		cookie := &http.Cookie{Name: "_state", Value: state + "." + nonce, Path: "/", HttpOnly: true, Secure: scheme == "https", SameSite: http.SameSiteLaxMode}
		if mode == "form_post" {
			cookie.SameSite, cookie.Secure = http.SameSiteNoneMode, true
		}
		http.SetCookie(w, cookie)
		asked := url.Values{"client_id": {"app"}, "response_type": {"code"}, "scope": {"openid"}, "state": {state}, "nonce": {nonce}, "redirect_uri": {origin(r) + "/oauth2/callback"}}
		if mode != "" {
			asked.Set("response_mode", mode)
		}
		http.Redirect(w, r, scheme+"://login."+rest+"/auth?"+asked.Encode(), http.StatusFound)
	})
	mux.HandleFunc("/oauth2/callback", func(w http.ResponseWriter, r *http.Request) {
		cookie, err := r.Cookie("_state")
		if err != nil {
			http.Error(w, "no state cookie", http.StatusForbidden)
			return
		}
		state, nonce, _ := strings.Cut(cookie.Value, ".")
		found, known := issued.LoadAndDelete(r.FormValue("code"))
		granted, _ := found.(grant)
		if !known || r.FormValue("state") != state || granted.Nonce != nonce || granted.RedirectURI != origin(r)+"/oauth2/callback" || granted.Issuer != r.FormValue("iss") {
			http.Error(w, fmt.Sprintf("refused: %v, at %s", granted, origin(r)), http.StatusForbidden)
			return
		}
		session := secret()
		sessions.Store(session, granted.Issuer)
		name, _, _ := strings.Cut(r.Host, ":")
		http.SetCookie(w, &http.Cookie{Name: "_session", Value: session, Domain: name, Path: "/", HttpOnly: true, Secure: strings.HasPrefix(origin(r), "https"), SameSite: http.SameSiteLaxMode})
		http.Redirect(w, r, origin(r)+"/", http.StatusFound)
	})
	return mux
}
