// Backends for engine-router in Go, on nats.go alone. See README.md.
//
//	go run . plain demo.echo    a responder that knows nothing of streams
//	go run . sx demo            streams on demo.echo, demo.upload, demo.download and more
//
// frames.go reads and writes the frames of SX/1, exchange.go is one exchange as a state machine without any I/O (what
// vectors_test.go tests), stream.go is what a handler sees of it, service.go ties them to NATS, and here are the
// handlers. docs/protocol.md is the contract.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
)

// echo sends each chunk back as it comes.
func echo(s *Stream) error {
	s.Head(200, "content-type", "application/octet-stream")
	_, err := io.Copy(s, s)
	return err
}

// upload says how long the body was, and its sha256.
func upload(s *Stream) error {
	digest := sha256.New()
	length, err := io.Copy(digest, s)
	if err != nil {
		return err
	}
	s.Head(200, "content-type", "text/plain")
	_, err = fmt.Fprintf(s, "%d %x\n", length, digest.Sum(nil))
	return err
}

// slow is upload by a handler that has something else to do for ?ms= before it reads.
func slow(s *Stream) error {
	select {
	case <-time.After(time.Duration(number(s, "ms", 2000)) * time.Millisecond):
		return upload(s)
	case <-s.Context.Done():
		return nil
	}
}

// download streams as many bytes as ?bytes= says: the numbers from 0 on, four bytes each, big-endian.
func download(s *Stream) error {
	s.Head(200, "content-type", "application/octet-stream")
	block, next := make([]byte, maxFrameBytes), uint32(0)
	for left := number(s, "bytes", 16<<20); left > 0; left -= int64(len(block)) {
		if left < int64(len(block)) {
			block = block[:left]
		}
		for i := 0; i+4 <= len(block); i += 4 {
			binary.BigEndian.PutUint32(block[i:], next)
			next++
		}
		if _, err := s.Write(block); err != nil {
			return err
		}
	}
	return nil
}

// fail breaks off: after as many bytes as ?bytes= says, or before the head of the response if that is 0.
func fail(s *Stream) error {
	if bytes := number(s, "bytes", 1<<16); bytes > 0 {
		s.Head(200)
		if _, err := s.Write(make([]byte, bytes)); err != nil {
			return err
		}
	}
	return errors.New("as it was asked to")
}

func number(s *Stream, name string, absent int64) int64 {
	if n, err := strconv.ParseInt(s.Query.Get(name), 10, 64); err == nil {
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
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: backend [flags] plain SUBJECT\n       backend [flags] sx PREFIX")
		flag.PrintDefaults()
	}
	flag.Parse()
	mode, subject := flag.Arg(0), flag.Arg(1)
	if flag.NArg() != 2 || mode != "plain" && mode != "sx" {
		flag.Usage()
		os.Exit(2)
	}
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

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	service.Drain(*drain)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
