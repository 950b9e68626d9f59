package main

import (
	"context"
	"io"
	"net/url"
	"sync"
)

// Stream is an exchange as a handler sees it: reads are of the request's body, writes are the response's. A backend of
// WebSockets would look at Sx-Type and Sx-Fin as well, for messages in place of bytes.
type Stream struct {
	Query   url.Values
	Context context.Context // done when the exchange is over

	own      string // the subject on which we hear the router
	cancel   context.CancelFunc
	mu       sync.Mutex // of all that follows
	woken    *sync.Cond
	exchange *Exchange
	rest     []byte
}

// Head begins the response; headers are names and values by turns. It comes before the first Write.
func (s *Stream) Head(status int, headers ...interface{}) {
	s.do(func(x *Exchange) { x.head(status, headers...) })
}

// Read waits for the next part of the request's body; io.EOF is its end.
func (s *Stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.rest) == 0 {
		if s.rest = s.exchange.take(); len(s.rest) > 0 {
			break
		}
		if s.exchange.err != nil {
			return 0, s.exchange.err
		}
		if len(s.exchange.inbox) > 0 {
			continue // an empty message
		}
		if s.exchange.inEnded {
			return 0, io.EOF
		}
		s.woken.Wait()
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Write returns when the router has room for more.
func (s *Stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exchange.err == nil {
		s.exchange.data(p, "")
	}
	for s.exchange.blocked() {
		s.woken.Wait()
	}
	if s.exchange.err != nil {
		return 0, s.exchange.err
	}
	return len(p), nil
}

func (s *Stream) do(act func(x *Exchange)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	act(s.exchange)
}

func (s *Stream) onChange() {
	s.woken.Broadcast()
	if s.exchange.err != nil {
		s.cancel()
	}
}
