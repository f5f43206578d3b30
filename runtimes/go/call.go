package kiln

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// leadMax is how long before the deadline the code is told, so that it can still answer; at most a tenth of its time.
const leadMax = 100 * time.Millisecond

type callKey struct{}

// call is one, from its head to the last frame of its answer. It is the context of its handler.
type call struct {
	calls *calls
	id    uint32
	head  string

	mutex   sync.Mutex
	changed sync.Cond

	// The request: what has arrived and was not read, and what was read and not credited.
	pieces [][]byte
	whole  bool
	closed bool
	unpaid int

	// The answer: what was written and has not left, and what may leave.
	status  int
	headers []string
	buffer  []byte
	wrote   bool
	begun   bool
	credit  int
	flusher *time.Timer
	flushes bool

	// over is why nothing can be read or written any more, ended that the last frame is sent.
	over  error
	ended bool
	// The context's error, and its channel, which is made when somebody asks for it.
	err    error
	done   chan struct{}
	timer  *time.Timer
	stopAt time.Time
}

func newCall(calls *calls, id uint32, head string) *call {
	c := &call{calls: calls, id: id, head: head, credit: calls.window}
	c.changed.L = &c.mutex
	return c
}

// field gives the values of a field joined with a comma; empty when it is absent.
func (c *call) field(name string) string {
	found := ""
	for rest := c.head; rest != ""; {
		line, after, _ := strings.Cut(rest, "\n")
		rest = after
		if len(line) <= len(name) || line[len(name)] != ':' || line[:len(name)] != name {
			continue
		}
		if found != "" {
			found += ", "
		}
		found += line[len(name)+1:]
	}
	return found
}

// arrived takes a piece of the request.
func (c *call) arrived(piece []byte, last bool) {
	c.mutex.Lock()
	if len(piece) > 0 && !c.closed {
		c.pieces = append(c.pieces, piece)
	}
	c.whole = last
	c.changed.Broadcast()
	c.mutex.Unlock()
}

func (c *call) granted(bytes int) {
	c.mutex.Lock()
	c.credit += bytes
	c.changed.Broadcast()
	c.mutex.Unlock()
}

func (c *call) cancel() {
	c.mutex.Lock()
	c.stop(context.Canceled)
	c.mutex.Unlock()
}

// stop ends reading and writing. As all that follows, it is called with the lock held.
func (c *call) stop(why error) {
	if c.over == nil {
		c.over = why
	}
	c.endContext(context.Canceled)
	c.changed.Broadcast()
}

func (c *call) endContext(why error) {
	if c.err != nil {
		return
	}
	c.err = why
	if c.done != nil {
		close(c.done)
	}
}

// end is called before the last frame is sent, as another call may follow at once.
func (c *call) end(why error) {
	c.ended = true
	c.buffer = nil
	c.stop(why)
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.flusher != nil {
		c.flusher.Stop()
	}
	c.calls.mutex.Lock()
	delete(c.calls.open, c.id)
	c.calls.mutex.Unlock()
}

func (c *call) isCancelled() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.over == context.Canceled
}

func (c *call) isTimeUp(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) && errors.Is(c.Err(), context.DeadlineExceeded)
}
