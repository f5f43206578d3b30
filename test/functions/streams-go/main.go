// What `test/reliability/streams.test.ts` has each language do, by the header x-act.
package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"polykiln/kiln"
)

var (
	opened  = make(chan struct{})
	written int64
)

func main() { kiln.Serve(handler) }

func handler(ctx context.Context, in io.Reader, out io.Writer) error {
	switch kiln.From(ctx).Header("x-act") {
	case "upload":
		<-opened
		n, err := io.Copy(io.Discard, in)
		fmt.Fprint(out, n)
		return err
	case "download":
		for i := 0; i < 384; i++ {
			n, err := out.Write(make([]byte, 65536))
			if err != nil {
				return err
			}
			atomic.AddInt64(&written, int64(n))
		}
	case "first":
		fmt.Fprint(out, "one")
		if _, err := io.Copy(io.Discard, in); err != nil {
			return err
		}
		fmt.Fprint(out, "two")
	case "open":
		close(opened)
	case "written":
		fmt.Fprint(out, atomic.LoadInt64(&written))
	}
	return nil
}
