package kiln

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	// bufferBytesMax is what an answer gathers before it leaves, and flushAfter how long.
	bufferBytesMax = 32 << 10
	flushAfter     = time.Millisecond
)

// answerWriter is the out of a handler.
type answerWriter call

func (w *answerWriter) Write(data []byte) (int, error) {
	c := (*call)(w)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for rest := data; len(rest) > 0; {
		if c.over != nil {
			return len(data) - len(rest), c.over
		}
		size := bufferBytesMax - len(c.buffer)
		if size > len(rest) {
			size = len(rest)
		}
		c.buffer = append(c.buffer, rest[:size]...)
		rest = rest[size:]
		c.wrote = true
		if len(c.buffer) < bufferBytesMax {
			break
		}
		if err := c.flushLocked(false); err != nil {
			return len(data) - len(rest), err
		}
	}
	c.flushSoon()
	return len(data), nil
}

func (w *answerWriter) Flush() error { return (*call)(w).flush(false) }

// flushSoon lets nothing wait for code that does not go on writing.
func (c *call) flushSoon() {
	if len(c.buffer) == 0 || c.flushes {
		return
	}
	c.flushes = true
	if c.flusher != nil {
		c.flusher.Reset(flushAfter)
		return
	}
	c.flusher = time.AfterFunc(flushAfter, func() {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		c.flushes = false
		_ = c.flushLocked(false)
	})
}

func (c *call) flush(last bool) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.flushLocked(last)
}

// flushLocked sends what was written as its reader gives credit. What nobody waits for any more is thrown away.
func (c *call) flushLocked(last bool) error {
	for (len(c.buffer) > 0 || last) && !c.ended {
		if c.over != nil {
			c.buffer = nil
			if !last {
				return c.over
			}
		}
		size := len(c.buffer)
		if size > c.credit {
			size = c.credit
		}
		if size == 0 && len(c.buffer) > 0 {
			c.changed.Wait()
			continue
		}
		c.sendPiece(size, last && size == len(c.buffer))
	}
	return nil
}

func (c *call) sendPiece(size int, last bool) {
	piece, flags, kind := c.buffer[:size], byte(0), byte(typeBody)
	var head []byte
	if !c.begun {
		kind, head = typeResult, c.answerHead()
	}
	if last {
		flags = flagEnd
		c.end(io.ErrClosedPipe)
	}
	c.begun = true
	c.credit -= size
	c.calls.connection.send(kind, c.id, flags, head, piece)
	if !last {
		c.buffer = append(c.buffer[:0], c.buffer[size:]...)
	}
}

// answerHead is the head with its length.
func (c *call) answerHead() []byte {
	head := make([]byte, 4, 128)
	if c.status != 0 {
		head = append(head, ":status:"...)
		head = strconv.AppendInt(head, int64(c.status), 10)
		head = append(head, '\n')
	}
	typed := !c.wrote
	for _, line := range c.headers {
		typed = typed || strings.HasPrefix(line, "content-type:")
		head = append(append(head, line...), '\n')
	}
	if !typed {
		head = append(head, "content-type:application/octet-stream\n"...)
	}
	bytes := len(head) - 4
	head[0], head[1], head[2], head[3] = byte(bytes>>24), byte(bytes>>16), byte(bytes>>8), byte(bytes)
	return head
}

// restart forgets what was written of an answer, to give another one; false when something has left.
func (c *call) restart() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.begun {
		return false
	}
	c.buffer, c.wrote, c.status, c.headers = nil, false, 0, nil
	return true
}

func (c *call) setStatus(status int) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if status < 200 || status > 599 {
		return fmt.Errorf("the status of an answer is a whole number from 200 to 599, not %d", status)
	}
	if c.wrote {
		return errors.New("the answer has begun: its status comes too late")
	}
	c.status = status
	return nil
}

func (c *call) setHeader(name string, values []string) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	key := strings.ToLower(name)
	if !isName(key) {
		return fmt.Errorf("this is no name of a header: %q", name)
	}
	if c.wrote {
		return errors.New("the answer has begun: its headers come too late")
	}
	var kept []string
	for _, line := range c.headers {
		if !strings.HasPrefix(line, key+":") {
			kept = append(kept, line)
		}
	}
	for _, value := range values {
		if !isValue(value) {
			return fmt.Errorf("the value of header %s has characters that headers cannot carry", name)
		}
		kept = append(kept, key+":"+value)
	}
	c.headers = kept
	return nil
}

func isName(name string) bool {
	for _, each := range name {
		letter := each >= 'a' && each <= 'z' || each >= '0' && each <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", each) {
			return false
		}
	}
	return name != ""
}

func isValue(value string) bool {
	for _, each := range value {
		if each != '\t' && (each < ' ' || each == 0x7f || each > 0xff) {
			return false
		}
	}
	return true
}
