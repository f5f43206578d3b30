// A net/http server as its documentation shows it; nothing in it knows where it runs.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"
)

func main() {
	http.HandleFunc("/", root)
	http.HandleFunc("/echo", echo)
	http.HandleFunc("/ticks", ticks)
	// Has that answer go on.
	http.HandleFunc("/tick", func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		w.WriteHeader(204)
	})
	http.HandleFunc("/empty", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	http.HandleFunc("/cached", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.WriteHeader(304)
	})
	http.HandleFunc("/fail", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "busy", 503) })
	http.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	http.HandleFunc("/sleep", func(w http.ResponseWriter, r *http.Request) {
		ms, _ := strconv.Atoi(r.URL.Query().Get("ms"))
		time.Sleep(time.Duration(ms) * time.Millisecond)
		fmt.Fprint(w, "slept")
	})
	log.Fatal(http.ListenAndServe(os.Getenv("HOST")+":"+os.Getenv("PORT"), nil))
}

func root(w http.ResponseWriter, r *http.Request) {
	if r.Method == "POST" {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"got":%d}`, len(body))
		return
	}
	fmt.Fprint(w, "Hello, World!")
}

func echo(w http.ResponseWriter, r *http.Request) {
	var custom, te any
	if v := r.Header.Get("X-Custom"); v != "" {
		custom = v
	}
	if v := r.Header.Get("TE"); v != "" {
		te = v
	}
	seen, _ := json.Marshal(map[string]any{"url": r.URL.String(), "host": r.Host, "custom": custom, "te": te})
	w.Header().Set("X-Method", r.Method)
	w.Header().Set("X-Seen", string(seen))
	w.Header().Add("Set-Cookie", "a=1")
	w.Header().Add("Set-Cookie", "b=2")
	// Go's server stops reading a body when the answer begins, unless it is told not to.
	// Go 1.21 and newer have it; http.NewResponseController would not build with Debian's Go 1.19.
	if duplex, ok := w.(interface{ EnableFullDuplex() error }); ok {
		_ = duplex.EnableFullDuplex()
	}
	w.WriteHeader(207)
	io.Copy(w, r.Body)
}

var asked = make(chan struct{}, 3)

func ticks(w http.ResponseWriter, _ *http.Request) {
	for i := 1; i <= 3; i++ {
		if i > 1 {
			<-asked
		}
		fmt.Fprintf(w, "tick %d\n", i)
		w.(http.Flusher).Flush()
	}
}
