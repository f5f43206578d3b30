// A handler of net/http behind aws-lambda-go's adapter for function URLs.
package main

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/lambdaurl"
)

func main() {
	lambdaurl.Start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Own", r.Header.Get("X-Asked"))
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.WriteHeader(207)
		fmt.Fprintf(w, "%s %s %q ", r.Method, r.URL.RequestURI(), body)
		if r.URL.Query().Get("wait") != "" {
			time.Sleep(2 * time.Second)
		}
		fmt.Fprint(w, time.Now().UnixMilli())
	}))
}
