package resp

import (
	"errors"
	"strconv"
)

// readSlots reads the answer to CLUSTER SLOTS: ranges, each with its first and
// last slot, its master and its replicas, each with host, port and more.
func readSlots(asked string, r *reply) ([]slotRange, error) {
	if r.kind != '*' || len(r.items) == 0 {
		return nil, errors.New("redis: " + asked + " knows of no slots")
	}
	var ranges []slotRange
	for _, item := range r.items {
		if len(item.items) < 3 || len(item.items[2].items) < 2 {
			return nil, badSlots(asked)
		}
		first, err1 := strconv.Atoi(item.items[0].text)
		last, err2 := strconv.Atoi(item.items[1].text)
		if err1 != nil || err2 != nil || first < 0 || first > last || last >= slotCount {
			return nil, badSlots(asked)
		}
		master := item.items[2].items
		ranges = append(ranges, slotRange{first, last, announced(master[0].text, master[1].text, asked)})
	}
	return ranges, nil
}

func badSlots(asked string) error {
	return errors.New("redis: " + asked + " answers CLUSTER SLOTS with what are no slots")
}
