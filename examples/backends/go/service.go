package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"log"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	maxExchanges = 1000
	spreadTime   = 250 * time.Millisecond // for interest to spread when NATS is back
	maxOutage    = 10 * time.Second
)

// Handler answers one exchange. It ends when this returns, and is reset when that is an error.
type Handler func(s *Stream) error

// Service takes OPENs on the subjects of the routes, and all that follows on a subject of its own.
type Service struct {
	nats     *nats.Conn
	inbox    string
	mu       sync.Mutex // of all that follows
	streams  map[string]*Stream
	subjects []*nats.Subscription
	draining bool
	idle     *sync.Cond
	outage   *time.Timer
}

// serve connects and begins to listen; the service lives until Drain.
func serve(address string) (*Service, error) {
	s := &Service{inbox: "_INBOX." + token(), streams: map[string]*Stream{}}
	s.idle = sync.NewCond(&s.mu)
	var err error
	s.nats, err = nats.Connect(address,
		nats.Name("backend.go"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(100*time.Millisecond),
		nats.ReconnectBufSize(-1), // what cannot leave now is not kept: the numbers tell that it is missing
		nats.DisconnectErrHandler(func(*nats.Conn, error) { s.onDown() }),
		nats.ReconnectHandler(func(*nats.Conn) { s.onUp() }),
	)
	if err != nil {
		return nil, err
	}
	if _, err = s.nats.Subscribe(s.inbox+".*", s.onMessage); err != nil {
		return nil, err
	}
	go func() {
		for range time.Tick(time.Second) {
			s.each((*Exchange).tick)
		}
	}()
	return s, nil
}

// Handle answers what comes on the subject, together with the other members of the queue.
func (s *Service) Handle(subject string, handler Handler) error {
	subscription, err := s.nats.QueueSubscribe(subject, "q", func(m *nats.Msg) { s.onOpen(m, handler) })
	s.subjects = append(s.subjects, subscription)
	return err
}

// Size is the number of exchanges under way.
func (s *Service) Size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.streams)
}

func (s *Service) onOpen(m *nats.Msg, handler Handler) {
	if !isPeerSubject(m.Reply) {
		return
	}
	fields := fieldsOf(m.Header)
	x, err := open(fields, m.Data, windowBytes, time.Now)
	if err != nil {
		s.refuse(m.Reply, errBroken)
		return
	}
	if room := s.nats.MaxPayload() - 1024; x.maxFrame > room {
		x.maxFrame = room
	}
	stream := &Stream{exchange: x, own: s.inbox + "." + token()}
	stream.woken = sync.NewCond(&stream.mu)
	stream.Context, stream.cancel = context.WithCancel(context.Background())
	stream.Query, _ = url.ParseQuery(fields["sx-query"]) // what can be read of it
	x.changed = stream.onChange
	x.publish = func(header nats.Header, payload []byte, asksReply bool) {
		message := &nats.Msg{Subject: m.Reply, Header: header, Data: payload}
		if asksReply {
			message.Reply = stream.own
		}
		// An error is that NATS is away: then the frame is lost, and the other end will see that.
		_ = s.nats.PublishMsg(message)
	}
	s.mu.Lock()
	draining, busy := s.draining, len(s.streams) >= maxExchanges
	if !draining && !busy {
		s.streams[stream.own] = stream
	}
	s.mu.Unlock()
	switch {
	case draining:
		s.refuse(m.Reply, "draining")
	case busy:
		s.refuse(m.Reply, "busy")
	default:
		stream.do((*Exchange).accept) // before any work
		go s.run(stream, handler)
	}
}

func (s *Service) run(stream *Stream, handler Handler) {
	defer s.forget(stream)
	err := handler(stream)
	if err == nil {
		stream.do((*Exchange).end)
		_, err = io.Copy(io.Discard, stream) // what the handler did not want to read
	}
	stream.do(func(x *Exchange) {
		if err != nil && x.err == nil {
			log.Printf("handler failed: %v", err)
			x.reset("backend_error")
		}
		for !x.closed { // an end that waits for NATS to come back
			stream.woken.Wait()
		}
	})
}

func (s *Service) forget(stream *Stream) {
	stream.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, stream.own)
	s.idle.Broadcast()
}

func (s *Service) onMessage(m *nats.Msg) {
	s.mu.Lock()
	stream := s.streams[m.Subject]
	s.mu.Unlock()
	fields := fieldsOf(m.Header)
	if stream != nil {
		stream.do(func(x *Exchange) { x.onMessage(m.Header.Get("Status"), fields, m.Data) })
	} else if fields["sx"] != "" && isPeerSubject(m.Reply) {
		s.refuse(m.Reply, "backend_lost") // it is over: whoever still holds it may let go
	}
}

func (s *Service) refuse(subject string, code Reset) {
	_ = s.nats.PublishMsg(&nats.Msg{Subject: subject, Header: encode("reset -", "Sx-Code", string(code))})
}

// onDown stops all exchanges where they are, for so long as a router waits.
func (s *Service) onDown() {
	s.each((*Exchange).lose)
	s.after(maxOutage, func(x *Exchange) {
		if !x.closed {
			x.close(Reset("gap"))
		}
	})
}

// onUp goes on once interest has had time to spread.
func (s *Service) onUp() {
	s.after(spreadTime, (*Exchange).resume)
}

func (s *Service) after(delay time.Duration, act func(x *Exchange)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outage != nil {
		s.outage.Stop()
	}
	s.outage = time.AfterFunc(delay, func() { s.each(act) })
}

func (s *Service) each(act func(x *Exchange)) {
	s.mu.Lock()
	streams := make([]*Stream, 0, len(s.streams))
	for _, stream := range s.streams {
		streams = append(streams, stream)
	}
	s.mu.Unlock()
	for _, stream := range streams {
		stream.do(act)
	}
}

// Drain takes no new exchanges, and gives those under way so long to finish.
func (s *Service) Drain(timeout time.Duration) {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	for _, subscription := range s.subjects {
		_ = subscription.Drain() // what was on its way here still comes, and is refused
	}
	deadline := time.AfterFunc(timeout, func() {
		s.each(func(x *Exchange) {
			if !x.closed {
				x.fail(Reset("draining"))
			}
		})
	})
	defer deadline.Stop()
	s.mu.Lock()
	for len(s.streams) > 0 {
		s.idle.Wait()
	}
	s.mu.Unlock()
	closed := make(chan struct{})
	s.nats.SetClosedHandler(func(*nats.Conn) { close(closed) })
	if s.nats.Drain() == nil { // publishes what is still to leave
		<-closed
	}
}

// isPeerSubject tells whether a subject may be one that a peer listens on: we publish with permissions that it may lack.
func isPeerSubject(subject string) bool {
	return subject != "" && len(subject) <= 512 && subject[0] != '$' && !strings.ContainsAny(subject, "*>")
}

func token() string {
	random := make([]byte, 12)
	if _, err := rand.Read(random); err != nil {
		log.Fatal(err)
	}
	return hex.EncodeToString(random)
}
