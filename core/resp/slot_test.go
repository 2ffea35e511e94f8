package resp

import "testing"

func TestSlotOf(t *testing.T) {
	// From the Cluster specification and CLUSTER KEYSLOT.
	tests := map[string]int{
		"":                     0,
		"123456789":            0x31C3,
		"foo":                  12182,
		"{foo}bar":             12182,
		"foo{}{bar}":           slow("foo{}{bar}"),
		"foo{{bar}}zap":        slow("{bar"),
		"foo{bar}{zap}":        slow("bar"),
		"{user1000}.following": slow("user1000"),
		"a{b":                  slow("a{b"),
		"}a{":                  slow("}a{"),
	}
	for key, want := range tests {
		if got := slotOf(key); got != want {
			t.Errorf("%q: %d, want %d", key, got, want)
		}
	}
}

func FuzzSlotOf(f *testing.F) {
	f.Add("weir:{per-client:203.0.113.7}:s")
	f.Add("\x00\xff")
	f.Fuzz(func(t *testing.T, tag string) {
		// As it stands, and as a tag.
		if got := slotOf("{x" + tag); got != slow("{x"+tag) && !contains(tag, '}') {
			t.Errorf("%q: %d", tag, got)
		}
		if !contains(tag, '}') && tag != "" && slotOf("p:{"+tag+"}:q") != slow(tag) {
			t.Errorf("tag %q: %d, want %d", tag, slotOf("p:{"+tag+"}:q"), slow(tag))
		}
	})
}

func contains(s string, b byte) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == b {
			return true
		}
	}
	return false
}

// slow is the CRC as the specification describes it, bit by bit.
func slow(s string) int {
	var crc uint16
	for i := 0; i < len(s); i++ {
		crc ^= uint16(s[i]) << 8
		for bit := 0; bit < 8; bit++ {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % slotCount
}
