package collector

import "testing"

func TestParseTotal(t *testing.T) {
	total, err := parseTotal("MemTotal:        2021400 kB\nMemFree:          618000 kB\n")
	if err != nil || total != 2021400*1024 {
		t.Fatalf("got %d, %v", total, err)
	}
	for _, text := range []string{"", "MemFree: 1 kB\n", "MemTotal: none kB\n", "MemTotal: 0 kB\n"} {
		if total, err := parseTotal(text); err == nil {
			t.Errorf("%q gave %d instead of an error", text, total)
		}
	}
}
