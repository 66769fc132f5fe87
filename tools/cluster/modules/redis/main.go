// A server of the Redis protocol in memory, for tests: `redis [ADDRESS]`, by default every address at port 6379.
package main

import (
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
)

func main() {
	address := ":6379"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(address); err != nil {
		log.Fatal(err)
	}
	log.Printf("listens at %s", server.Addr())
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	// Its own time stands still: keys would never expire.
	const step = time.Second
	tick := time.NewTicker(step)
	for {
		select {
		case <-tick.C:
			server.FastForward(step)
		case <-end:
			server.Close()
			return
		}
	}
}
