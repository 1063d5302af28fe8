package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// upload is a blob of which parts have come. The bytes are kept up to a few, so that large ones cost no memory.
type upload struct {
	sum  hash.Hash
	size int64
	kept bytes.Buffer
}

const keptBytes = 1 << 20

// registry takes blobs in parts (OCI distribution), with addresses that it makes from what the client asked for.
func registry() http.Handler {
	var lock sync.Mutex
	uploads, blobs := map[string]*upload{}, map[string]*upload{}
	next := func(w http.ResponseWriter, r *http.Request, id string, size int64) {
		w.Header().Set("Location", fmt.Sprintf("%s/v2/team/app/blobs/uploads/%s?_state=%d", origin(r), id, size))
		w.Header().Set("Docker-Upload-UUID", id)
		w.Header().Set("Range", fmt.Sprintf("0-%d", max(size-1, 0)))
		w.WriteHeader(http.StatusAccepted)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/v2/{$}", func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok && r.URL.Query().Has("private") {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="registry"`, origin(r)))
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	mux.HandleFunc("POST /v2/team/app/blobs/uploads/", func(w http.ResponseWriter, r *http.Request) {
		id := secret()
		lock.Lock()
		uploads[id] = &upload{sum: sha256.New()}
		lock.Unlock()
		next(w, r, id, 0)
	})
	add := func(w http.ResponseWriter, r *http.Request) *upload {
		lock.Lock()
		to := uploads[r.PathValue("id")]
		lock.Unlock()
		if to == nil || r.URL.Query().Get("_state") != strconv.FormatInt(to.size, 10) {
			http.Error(w, `{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}`, http.StatusNotFound)
			return nil
		}
		if from, _, said := strings.Cut(r.Header.Get("Content-Range"), "-"); said && from != strconv.FormatInt(to.size, 10) {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return nil
		}
		n, err := io.Copy(to, r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return nil
		}
		if r.ContentLength >= 0 && n != r.ContentLength {
			http.Error(w, "another length", http.StatusBadRequest)
			return nil
		}
		return to
	}
	mux.HandleFunc("PATCH /v2/team/app/blobs/uploads/{id}", func(w http.ResponseWriter, r *http.Request) {
		if to := add(w, r); to != nil {
			next(w, r, r.PathValue("id"), to.size)
		}
	})
	mux.HandleFunc("PUT /v2/team/app/blobs/uploads/{id}", func(w http.ResponseWriter, r *http.Request) {
		to := add(w, r)
		if to == nil {
			return
		}
		digest := "sha256:" + hex.EncodeToString(to.sum.Sum(nil))
		if r.URL.Query().Get("digest") != digest {
			http.Error(w, `{"errors":[{"code":"DIGEST_INVALID"}]}`, http.StatusBadRequest)
			return
		}
		lock.Lock()
		blobs[digest] = to
		lock.Unlock()
		w.Header().Set("Location", origin(r)+"/v2/team/app/blobs/"+digest)
		w.Header().Set("Docker-Content-Digest", digest)
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("GET /v2/team/app/blobs/{digest}", func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		blob := blobs[r.PathValue("digest")]
		lock.Unlock()
		if blob == nil {
			http.Error(w, `{"errors":[{"code":"BLOB_UNKNOWN"}]}`, http.StatusNotFound)
			return
		}
		w.Header().Set("Docker-Content-Digest", r.PathValue("digest"))
		w.Header().Set("Etag", `"`+r.PathValue("digest")+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(blob.kept.Bytes()))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		mux.ServeHTTP(w, r)
	})
}

func (u *upload) Write(part []byte) (int, error) {
	u.sum.Write(part)
	u.size += int64(len(part))
	u.kept.Write(part[:min(len(part), max(0, keptBytes-u.kept.Len()))])
	return len(part), nil
}
