// Backends for engine-router in Go, on nats.go alone. See README.md.
//
//	go run . plain demo.echo    a responder that knows nothing of streams
//	go run . sx demo            streams on demo.echo, demo.upload, demo.download and more
//
// From top to bottom: the handlers, the service that ties them to NATS, one exchange as a handler sees it and as a state
// machine (what vectors_test.go tests), and the frames of SX/1. docs/protocol.md is the contract.
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"
	"os/signal"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	maxExchanges  = 1000
	windowBytes   = 256 << 10 // what the router may have on the way to us, on one exchange
	maxFrameBytes = 64 << 10
	leastMaxFrame = 4096 // that an end takes
	maxMeta       = 400  // bytes of the name or id of an event
	frameCost     = 64   // what a frame costs of the credit beside its payload

	pingAfter   = 10 * time.Second       // of silence
	deadAfter   = 30 * time.Second       // of silence
	waitingPing = time.Second            // of waiting for credit, or for the router to be heard when NATS was away
	spreadTime  = 250 * time.Millisecond // for interest to spread when NATS is back
	maxOutage   = 10 * time.Second       // then streams are given up
)

// --- Handlers --------------------------------------------------------------------------------------------------------

// echo sends each chunk back as it comes.
func echo(x *Exchange) error {
	x.Head(200, "content-type", "application/octet-stream")
	_, err := io.Copy(x, x)
	return err
}

// upload says how long the body was, and its sha256.
func upload(x *Exchange) error {
	digest := sha256.New()
	length, err := io.Copy(digest, x)
	if err != nil {
		return err
	}
	x.Head(200, "content-type", "text/plain")
	_, err = fmt.Fprintf(x, "%d %x\n", length, digest.Sum(nil))
	return err
}

// slow is upload by a handler that has something else to do for ?ms= before it reads.
func slow(x *Exchange) error {
	select {
	case <-time.After(time.Duration(number(x, "ms", 2000)) * time.Millisecond):
		return upload(x)
	case <-x.Context.Done():
		return nil
	}
}

// download streams as many bytes as ?bytes= says: the numbers from 0 on, four bytes each, big-endian.
func download(x *Exchange) error {
	x.Head(200, "content-type", "application/octet-stream")
	block, next := make([]byte, maxFrameBytes), uint32(0)
	for left := number(x, "bytes", 16<<20); left > 0; left -= int64(len(block)) {
		if left < int64(len(block)) {
			block = block[:left]
		}
		for i := 0; i+4 <= len(block); i += 4 {
			binary.BigEndian.PutUint32(block[i:], next)
			next++
		}
		if _, err := x.Write(block); err != nil {
			return err
		}
	}
	return nil
}

// fail breaks off: after as many bytes as ?bytes= says, or before the head of the response if that is 0.
func fail(x *Exchange) error {
	if bytes := number(x, "bytes", 1<<16); bytes > 0 {
		x.Head(200)
		if _, err := x.Write(make([]byte, bytes)); err != nil {
			return err
		}
	}
	return errors.New("as it was asked to")
}

func number(x *Exchange, name string, absent int64) int64 {
	if n, err := strconv.ParseInt(x.Query.Get(name), 10, 64); err == nil {
		return n
	}
	return absent
}

func main() {
	address := os.Getenv("NATS_URL")
	if address == "" {
		address = nats.DefaultURL
	}
	flag.StringVar(&address, "nats", address, "where NATS is")
	drain := flag.Duration("drain", 10*time.Second, "how long what is under way may go on after SIGTERM")
	flag.Parse()
	mode, subject := flag.Arg(0), flag.Arg(1)
	if flag.NArg() != 2 || mode != "plain" && mode != "sx" {
		log.Fatal("usage: backend [--nats URL] [--drain TIME] plain SUBJECT | sx PREFIX")
	}
	// Before anybody hears that it is ready, and may ask it to end.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	service, err := serve(address)
	check(err)
	if mode == "plain" {
		_, err := service.nats.QueueSubscribe(subject, "q", func(m *nats.Msg) { _ = m.Respond(m.Data) })
		check(err)
	} else {
		handlers := map[string]Handler{"echo": echo, "upload": upload, "slow": slow, "download": download, "fail": fail}
		for name, handler := range handlers {
			check(service.Handle(subject+"."+name, handler))
		}
		// A plain responder beside them: how many streams are open.
		_, err := service.nats.Subscribe(subject+".open", func(m *nats.Msg) {
			_ = m.Respond([]byte(strconv.Itoa(service.Size())))
		})
		check(err)
	}
	check(service.nats.Flush())
	fmt.Println("ready")

	<-stop
	service.Drain(*drain)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// --- Service ---------------------------------------------------------------------------------------------------------

// Handler answers one exchange. It ends when this returns, and is reset when that is an error.
type Handler func(x *Exchange) error

// Service takes OPENs on the subjects of the routes, and all that follows on a subject of its own.
type Service struct {
	nats      *nats.Conn
	inbox     string
	subjects  []*nats.Subscription
	mu        sync.Mutex // of all that follows, and of all exchanges
	exchanges map[string]*Exchange
	idle      *sync.Cond
	draining  bool
	outage    *time.Timer
}

// serve connects and begins to listen; the service lives until Drain.
func serve(address string) (*Service, error) {
	s := &Service{inbox: "_INBOX." + token(), exchanges: map[string]*Exchange{}, outage: time.NewTimer(0)}
	s.idle = sync.NewCond(&s.mu)
	var err error
	s.nats, err = nats.Connect(address,
		nats.Name("backend.go"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(100*time.Millisecond),
		nats.ReconnectBufSize(-1), // what cannot leave now is not kept: the numbers tell that it is missing
		nats.DisconnectErrHandler(func(*nats.Conn, error) {
			s.each((*Exchange).lose)
			s.afterwards(maxOutage, func(x *Exchange) { x.close(Reset("gap")) })
		}),
		nats.ReconnectHandler(func(*nats.Conn) { s.afterwards(spreadTime, (*Exchange).resume) }),
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
	return len(s.exchanges)
}

func (s *Service) onOpen(m *nats.Msg, handler Handler) {
	if !isPeerSubject(m.Reply) {
		return
	}
	x := open(fieldsOf(m.Header), m.Data, windowBytes, time.Now, &s.mu)
	if x == nil {
		s.refuse(m.Reply, errBroken)
		return
	}
	if room := s.nats.MaxPayload() - 1024; x.maxFrame > room {
		x.maxFrame = room
	}
	own := s.inbox + "." + token()
	x.publish = func(header nats.Header, payload []byte, asksReply bool) {
		message := &nats.Msg{Subject: m.Reply, Header: header, Data: payload}
		if asksReply {
			message.Reply = own
		}
		// An error is that NATS is away: then the frame is lost, and the other end will see that.
		_ = s.nats.PublishMsg(message)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		x.fail("draining")
	} else if len(s.exchanges) >= maxExchanges {
		x.fail("busy")
	} else {
		s.exchanges[own] = x
		x.accept() // before any work
		go s.run(own, x, handler)
	}
}

func (s *Service) run(own string, x *Exchange, handler Handler) {
	err := handler(x)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		x.end()
	} else if !x.closed {
		log.Printf("handler failed: %v", err)
		x.fail("backend_error")
	}
	for !x.closed { // the rest of a body that the handler did not want, an end that waits for NATS to come back
		if len(x.inbox) > 0 {
			x.take()
		} else {
			x.woken.Wait()
		}
	}
	x.cancel()
	delete(s.exchanges, own)
	s.idle.Broadcast()
}

func (s *Service) onMessage(m *nats.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fields := fieldsOf(m.Header)
	if x := s.exchanges[m.Subject]; x != nil {
		x.onMessage(m.Header.Get("Status"), fields, m.Data)
	} else if fields["sx"] != "" && isPeerSubject(m.Reply) {
		s.refuse(m.Reply, "backend_lost") // it is over: whoever still holds it may let go
	}
}

func (s *Service) refuse(subject string, code Reset) {
	_ = s.nats.PublishMsg(&nats.Msg{Subject: subject, Header: encode("reset -", "Sx-Code", string(code))})
}

func (s *Service) each(act func(x *Exchange)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.exchanges {
		act(x)
	}
}

// afterwards does so with all exchanges, unless NATS goes or comes again before.
func (s *Service) afterwards(delay time.Duration, act func(x *Exchange)) {
	s.outage.Stop()
	s.outage = time.AfterFunc(delay, func() { s.each(act) })
}

// Drain takes no new exchanges, and gives those under way so long to finish.
func (s *Service) Drain(timeout time.Duration) {
	for _, subscription := range s.subjects {
		_ = subscription.Drain() // what was on its way here still comes, and is refused
	}
	time.AfterFunc(timeout, func() {
		s.each(func(x *Exchange) { x.fail("draining") })
	})
	s.mu.Lock()
	s.draining = true
	for len(s.exchanges) > 0 {
		s.idle.Wait()
	}
	s.mu.Unlock()
	closed := make(chan struct{})
	s.nats.SetClosedHandler(func(*nats.Conn) { close(closed) })
	if s.nats.Drain() == nil { // refuses and publishes what is still to be
		<-closed
	}
}

// isPeerSubject tells whether a subject may be one that a peer listens on: we publish with permissions that it may lack.
func isPeerSubject(subject string) bool {
	return subject != "" && len(subject) <= 512 && subject[0] != '$' && !strings.ContainsAny(subject, "*>")
}

func token() string {
	random := make([]byte, 12)
	_, err := rand.Read(random)
	check(err)
	return hex.EncodeToString(random)
}

// --- Exchange --------------------------------------------------------------------------------------------------------

// link is the way to the router: NATS may be away, or back while the router has not been heard yet. Only when it is up
// may anything leave that has a number, since nobody may be there to get it.
type link int

const (
	up link = iota
	down
	returning
)

// outgoing is a head, or data that may wait for credit and go in several frames.
type outgoing struct {
	kind    string
	fields  []any // of data: none, or the type of a message
	payload []byte
}

// Exchange is the backend's end of an exchange. For a handler it is an io.Reader of the request's body and an io.Writer
// of the response's, so that io.Copy(x, x) echoes. A backend of WebSockets would look at Sx-Type and Sx-Fin as well, for
// messages in place of bytes.
//
// Each direction is open, then ended. The exchange is closed when both are, or at once by a reset of either end, a gap,
// an overrun, a broken frame, a 503 or silence; err then says why. What handlers do not call wants the lock to be held.
type Exchange struct {
	Query   url.Values
	Context context.Context // done when the exchange is over

	publish func(header nats.Header, payload []byte, asksReply bool)
	now     func() time.Time
	woken   *sync.Cond // whoever waits should look again
	cancel  context.CancelFunc

	err    error // what the handler has to hear
	closed bool
	link   link

	// What comes: numbers, credit, and what the handler has not read.
	window, granted                int64
	inSeq, inBytes, inCost, inUsed int64
	inbox                          [][]byte
	rest                           []byte // of what Read has taken
	inEnded                        bool

	// What goes, and what waits for credit.
	credit, maxFrame          int64
	outSeq, outBytes, outCost int64
	toldSeq                   int64 // the last frame that a ping or pong has told of
	dataFrames                int
	outbox                    []outgoing
	endWanted, outEnded       bool

	heardAt, pingedAt time.Time
}

// open reads an OPEN; nil: it is none. The caller sets publish, and accepts or fails.
func open(fields Fields, payload []byte, window int64, now func() time.Time, lock sync.Locker) *Exchange {
	kind, version := fields.frame()
	credit, maxFrame := fields.number("sx-credit", 0), fields.number("sx-max", maxFrameBytes)
	if kind != "open" || version < 1 || credit < 0 || maxFrame < leastMaxFrame || fields.number("sx-deadline", 0) < 0 {
		return nil
	}
	if maxFrame > maxFrameBytes {
		maxFrame = maxFrameBytes
	}
	x := &Exchange{now: now, window: window, granted: window, credit: credit, maxFrame: maxFrame}
	x.woken = sync.NewCond(lock)
	x.Context, x.cancel = context.WithCancel(context.Background())
	x.Query, _ = url.ParseQuery(fields["sx-query"]) // what can be read of it
	x.inEnded = fields["sx-more"] != "1"
	if len(payload) > 0 {
		x.inbox = [][]byte{payload}
		x.inUsed = -cost(payload) // of the credit it takes nothing
	}
	x.heardAt, x.pingedAt = now(), now()
	return x
}

// The handler speaks.

// Head begins the response; headers are names and values by turns. It comes before the first Write.
func (x *Exchange) Head(status int, headers ...any) {
	x.woken.L.Lock()
	defer x.woken.L.Unlock()
	fields := []any{"Sx-Credit", x.granted, "Sx-Max", maxFrameBytes, "Sx-Status", status}
	for i := 0; i+1 < len(headers); i += 2 {
		if name := strings.ToLower(fmt.Sprint(headers[i])); !notForwarded.MatchString(name) {
			fields = append(fields, name, headers[i+1])
		}
	}
	x.push(outgoing{kind: "head", fields: fields})
}

// Read waits for the next part of the request's body; io.EOF is its end.
func (x *Exchange) Read(p []byte) (int, error) {
	x.woken.L.Lock()
	defer x.woken.L.Unlock()
	for len(x.rest) == 0 {
		if x.err != nil {
			return 0, x.err
		} else if len(x.inbox) > 0 {
			x.rest = x.take()
		} else if x.inEnded {
			return 0, io.EOF
		} else {
			x.woken.Wait()
		}
	}
	n := copy(p, x.rest)
	x.rest = x.rest[n:]
	return n, nil
}

// Write returns when the router has room for more.
func (x *Exchange) Write(p []byte) (int, error) {
	x.woken.L.Lock()
	defer x.woken.L.Unlock()
	x.push(outgoing{kind: "data", payload: p})
	for len(x.outbox) > 0 {
		x.woken.Wait()
	}
	if x.err != nil {
		return 0, x.err
	}
	return len(p), nil
}

func (x *Exchange) accept() {
	x.send(encode("accept 1", "Sx-Credit", x.granted, "Sx-Max", maxFrameBytes), nil, true)
}

func (x *Exchange) end() {
	x.endWanted = true
	x.pump()
}

// take gives the next chunk, of which there must be one. Reading is what grants the router more.
func (x *Exchange) take() []byte {
	next := x.inbox[0]
	x.inbox = x.inbox[1:]
	x.inUsed += cost(next)
	if granted := x.inUsed + x.window; granted-x.granted >= x.window/2 {
		x.granted = granted
		if !x.closed && !x.inEnded {
			x.send(encode("credit -", "Sx-Credit", x.granted), nil, false)
		}
	}
	return next
}

// The router speaks.

func (x *Exchange) onMessage(status string, fields Fields, payload []byte) {
	if x.inEnded && x.outEnded && strings.HasPrefix(fields["sx"], "ping ") {
		x.sendPosition("pong") // a router that asks has missed our end
	}
	if x.closed {
		return
	}
	if status == "503" {
		// The router may take as long again to return as it may have been away.
		if x.link == up || x.link == returning && x.now().Sub(x.heardAt) >= maxOutage {
			x.close(Reset("client_gone"))
		}
		return
	}
	x.heardAt = x.now()
	if x.link == returning {
		x.link = up
	}
	if code := x.onFrame(fields, payload); code != "" {
		x.fail(code)
	}
	x.pump()
	x.woken.Broadcast()
}

// onFrame says why the exchange has to end, if it has to.
func (x *Exchange) onFrame(fields Fields, payload []byte) Reset {
	kind, n := fields.frame()
	switch kind {
	case "data", "end":
		total := fields.number("sx-bytes", -1)
		if kind == "end" && total < 0 || len(fields["sx-event"]) > maxMeta || len(fields["sx-id"]) > maxMeta {
			return errBroken
		}
		if n >= 1 && n <= x.inSeq {
			return "" // seen before
		} else if n > x.inSeq+1 {
			return "gap"
		} else if n < 1 || x.inEnded {
			return errBroken
		}
		x.inSeq = n
		if kind == "end" {
			if total != x.inBytes {
				return "gap"
			}
			x.inEnded = true
			x.closeIfEnded()
			return ""
		}
		x.inBytes += int64(len(payload))
		x.inCost += cost(payload)
		x.inbox = append(x.inbox, payload)
		if x.inCost > x.granted {
			return errBroken // more than the credit covers
		}
	case "reset":
		code := fields["sx-code"]
		if code == "" {
			code = "backend_error"
		}
		x.close(Reset(code))
	case "credit", "ping", "pong":
		credit := fields.number("sx-credit", 0)
		if kind == "credit" && fields["sx-credit"] == "" || credit < 0 {
			return errBroken
		}
		if kind != "credit" {
			sent := fields.number("sx-bytes", -1)
			if sent < 0 || n < 0 {
				return errBroken
			} else if n > x.inSeq || n == x.inSeq && sent != x.inBytes {
				return "gap"
			}
		}
		if kind == "ping" {
			x.sendPosition("pong")
		}
		if credit > x.credit {
			x.credit = credit
		}
	default: // a part of the stream that we cannot read or that no router sends, or something that may be ignored
		if n >= 0 || kind == "" || kind == "head" {
			return errBroken
		}
	}
	return ""
}

// tick is to be called once a second or so.
func (x *Exchange) tick() {
	if x.closed || x.link == down {
		return
	}
	now := x.now()
	if now.Sub(x.heardAt) >= deadAfter {
		x.close(Reset("client_gone"))
		return
	}
	every, isDue := pingAfter, now.Sub(x.heardAt) >= pingAfter
	if x.link == returning || len(x.outbox) > 0 {
		every, isDue = waitingPing, true
	} else if x.outSeq > x.toldSeq {
		isDue = true // a last frame that was lost shows in no other way while the router goes on
	}
	if isDue && now.Sub(x.pingedAt) >= every {
		x.sendPosition("ping")
	}
}

// lose stops the exchange where it is: NATS is gone.
func (x *Exchange) lose() { x.link = down }

// resume asks the router what it has, now that NATS is back. What was lost meanwhile is a gap; nothing else is sent
// before the router is heard.
func (x *Exchange) resume() {
	if x.closed || x.link != down {
		return
	}
	x.link = returning
	x.heardAt = x.now()
	x.sendPosition("ping")
}

func (x *Exchange) push(next outgoing) {
	if x.closed || x.endWanted {
		return
	}
	x.outbox = append(x.outbox, next)
	x.pump()
}

// pump sends what credit covers, and at last says that it was all.
func (x *Exchange) pump() {
	for len(x.outbox) > 0 && x.link == up {
		next := x.outbox[0]
		room := x.credit - x.outCost - frameCost
		if room > x.maxFrame {
			room = x.maxFrame
		}
		isHead := next.kind == "head" // for which there is always room
		if isHead || room >= int64(len(next.payload)) {
			x.outbox = x.outbox[1:]
		} else if room < 1 {
			return
		} else {
			x.outbox[0].payload = next.payload[room:]
			next.payload = next.payload[:room]
			if next.fields != nil { // the message goes on
				next.fields = append(next.fields, "Sx-Fin", 0)
			}
		}
		x.sendNext(next.kind, next.payload, isHead || x.dataFrames%16 == 0, next.fields...)
		if !isHead {
			x.dataFrames++
		}
	}
	if x.endWanted && !x.outEnded && !x.closed && x.link == up {
		x.outEnded = true
		x.sendNext("end", nil, true, "Sx-Bytes", x.outBytes)
		x.closeIfEnded()
	}
}

// sendNext gives a frame its number.
func (x *Exchange) sendNext(kind string, payload []byte, asksReply bool, fields ...any) {
	x.outSeq++
	x.outBytes += int64(len(payload))
	x.outCost += cost(payload)
	x.send(encode(fmt.Sprint(kind, " ", x.outSeq), fields...), payload, asksReply)
}

// sendPosition sends a ping or a pong.
func (x *Exchange) sendPosition(kind string) {
	if kind == "ping" {
		x.pingedAt = x.now()
	}
	x.toldSeq = x.outSeq
	header := encode(fmt.Sprint(kind, " ", x.outSeq), "Sx-Credit", x.granted, "Sx-Bytes", x.outBytes)
	x.send(header, nil, kind == "ping")
}

// send publishes; for credit that is lost while NATS is away the ping of resume makes up.
func (x *Exchange) send(header nats.Header, payload []byte, asksReply bool) {
	if x.link != down {
		x.publish(header, payload, asksReply)
	}
}

// fail tells the router and the handler.
func (x *Exchange) fail(code Reset) {
	if !x.closed {
		x.send(encode("reset -", "Sx-Code", string(code)), nil, false)
		x.close(code)
	}
}

func (x *Exchange) closeIfEnded() {
	if x.inEnded && x.outEnded {
		x.close(nil)
	}
}

// close does nothing to what is closed already.
func (x *Exchange) close(err error) {
	if x.closed {
		return
	}
	x.closed = true
	x.err = err
	x.outbox = nil
	if err != nil {
		x.inbox = nil
		x.cancel()
	}
	x.woken.Broadcast()
}

// --- Frames ----------------------------------------------------------------------------------------------------------

// Reset is why an exchange is over before its end: a code of the table in docs/protocol.md.
type Reset string

func (code Reset) Error() string { return "the exchange was reset: " + string(code) }

// errBroken is a message that breaks the protocol.
const errBroken = Reset("protocol_error")

var (
	framePattern  = regexp.MustCompile(`^([a-z]+) (-|[0-9]{1,15})$`)
	numberPattern = regexp.MustCompile(`^[0-9]{1,15}$`)
	namePattern   = regexp.MustCompile(`^[!-9;-~]+$`)
	valuePattern  = regexp.MustCompile(`^[ -~]*$`)
	// No response may send these on: fields of ours, of NATS, and of one connection (RFC 9110, 7.6.1).
	notForwarded = regexp.MustCompile(`^(sx|sx-.*|nats-.*|connection|keep-alive|te|trailer|transfer-encoding|upgrade|proxy-.*)$`)
)

// cost is what a frame takes of the credit.
func cost(payload []byte) int64 { return int64(len(payload)) + frameCost }

// Fields are the headers of a message: names in lower case, of a field given twice the first one.
type Fields map[string]string

func fieldsOf(header nats.Header) Fields {
	// nats.go does not tell which of two spellings of a name came first: the usual one, in upper case, counts.
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	sort.Strings(names)
	fields := make(Fields, len(header))
	for _, name := range names {
		lower := strings.ToLower(name)
		if _, given := fields[lower]; !given && len(header[name]) > 0 {
			fields[lower] = strings.TrimSpace(header[name][0])
		}
	}
	return fields
}

// number reads a field; a missing one is `absent`, a broken one -1.
func (fields Fields) number(name string, absent int64) int64 {
	text, given := fields[name]
	if !given {
		return absent
	}
	if !numberPattern.MatchString(text) {
		return -1
	}
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// frame gives the type and number of a frame: no type if it is broken, and -1 if it has no number.
func (fields Fields) frame() (kind string, n int64) {
	match := framePattern.FindStringSubmatch(fields["sx"])
	if match == nil {
		return "", -1
	}
	n, err := strconv.ParseInt(match[2], 10, 64)
	if err != nil {
		n = -1
	}
	return match[1], n
}

// encode makes the headers of a frame from names and values by turns. What would not be one line of visible ASCII is
// left out: no value can smuggle in another field.
func encode(sx string, pairs ...any) nats.Header {
	header := nats.Header{"Sx": {sx}}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := fmt.Sprint(pairs[i]), fmt.Sprint(pairs[i+1])
		if namePattern.MatchString(name) && valuePattern.MatchString(value) {
			header[name] = append(header[name], value)
		}
	}
	return header
}
