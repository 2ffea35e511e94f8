// Plots draws what each algorithm lets through of the same traffic: the picture
// in docs/algorithms.md.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/weirproxy/weir/demo/checkout"
)

func main() {
	root, err := checkout.Root()
	if err != nil {
		log.Fatal(err)
	}
	picture, err := draw()
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(root, picturePath)
	if err := os.WriteFile(path, picture, 0o644); err != nil {
		log.Fatal(err)
	}
	fmt.Println(path)
}
