// Plots draws the pictures in docs: what each algorithm lets through of the same
// traffic, and what demo/bench has measured.
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
	pictures, err := draw(root)
	if err != nil {
		log.Fatal(err)
	}
	for name, picture := range pictures {
		path := filepath.Join(root, name)
		if err := os.WriteFile(path, picture, 0o644); err != nil {
			log.Fatal(err)
		}
		fmt.Println(path)
	}
}

// draw makes all pictures, by their paths in the checkout.
func draw(root string) (map[string][]byte, error) {
	algorithms, err := drawAlgorithms()
	if err != nil {
		return nil, err
	}
	pictures := map[string][]byte{algorithmsPath: algorithms}
	points, err := readPoints(filepath.Join(root, pointsPath))
	if err != nil {
		return nil, err
	}
	for plot, caption := range captions {
		picture, err := drawPanels(caption, points[plot])
		if err != nil {
			return nil, fmt.Errorf("%s, plot %s: %w", pointsPath, plot, err)
		}
		pictures[filepath.Join("docs", "performance-"+plot+".svg")] = picture
	}
	return pictures, nil
}
