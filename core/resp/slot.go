package resp

import (
	"hash/crc32"
	"math/bits"
	"strings"
)

// slotCount is how many slots a Cluster divides the keys into.
const slotCount = 16384

// Yaegi takes longer for a loop over a key's bytes than for the rest of a call,
// so the slot's CRC-16 (XMODEM) is made of calls of the standard library: with
// its polynomial reversed in the lower half of a CRC-32, crc32 computes the same
// CRC over bytes whose bits are reversed, with its own bits reversed.
var (
	slotTable   = crc32.MakeTable(0x8408)
	reverseBits = strings.NewReplacer(reversals()...)
)

func reversals() []string {
	var pairs []string
	for b := 0; b < 256; b++ {
		pairs = append(pairs, string([]byte{byte(b)}), string([]byte{bits.Reverse8(byte(b))}))
	}
	return pairs
}

// slotOf is the slot of a key: of the part in its first braces, if not empty.
func slotOf(key string) int {
	if open := strings.IndexByte(key, '{'); open >= 0 {
		if end := strings.IndexByte(key[open+1:], '}'); end > 0 {
			key = key[open+1 : open+1+end]
		}
	}
	// crc32 inverts its register before and after.
	crc := ^crc32.Update(^uint32(0), slotTable, []byte(reverseBits.Replace(key)))
	return int(bits.Reverse16(uint16(crc))) % slotCount
}
