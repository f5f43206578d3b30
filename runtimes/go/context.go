package kiln

import (
	"context"
	"strconv"
	"time"
)

// A call is the context of its handler. Only who asks for Done pays for a timer.

func (c *call) Deadline() (time.Time, bool) {
	ms, err := strconv.ParseInt(c.field(":deadline"), 10, 64)
	return time.UnixMilli(ms), err == nil
}

func (c *call) Done() <-chan struct{} {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.done != nil {
		return c.done
	}
	c.done = make(chan struct{})
	if c.err != nil {
		close(c.done)
		return c.done
	}
	if left, ok := c.left(); ok {
		c.timer = time.AfterFunc(left, func() {
			c.mutex.Lock()
			c.endContext(context.DeadlineExceeded)
			c.mutex.Unlock()
		})
	}
	return c.done
}

func (c *call) Err() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if left, ok := c.left(); ok && left <= 0 {
		c.endContext(context.DeadlineExceeded)
	}
	return c.err
}

func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return nil
}

// left is the time until the code is told that it is up.
func (c *call) left() (time.Duration, bool) {
	if c.stopAt.IsZero() {
		deadline, ok := c.Deadline()
		if !ok {
			return 0, false
		}
		lead := time.Until(deadline) / 10
		if lead > leadMax {
			lead = leadMax
		}
		c.stopAt = deadline.Add(-lead)
	}
	return time.Until(c.stopAt), true
}
