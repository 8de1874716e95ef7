package layout

import "strconv"

// HumanSize returns a number of bytes in decimal units, as scrapers of
// listings know them: "0 Bytes", "1 Byte", "228 Bytes", "1.0 kB". What would
// round to 1000.0 of a unit is 1.0 of the next.
func HumanSize(n int64) string { return string(appendSize(nil, n)) }

func appendSize(b []byte, n int64) []byte {
	switch {
	case n == 1:
		return append(b, "1 Byte"...)
	case n < 1000:
		return append(strconv.AppendInt(b, n, 10), " Bytes"...)
	}
	const units = "kMGTPE"
	unit, f := 0, float64(n)/1000
	for f >= 999.95 {
		unit, f = unit+1, f/1000
	}
	b = strconv.AppendFloat(b, f, 'f', 1, 64)
	return append(b, ' ', units[unit], 'B')
}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// dateWidth is that of "18-Mar-2025 14:04".
const dateWidth = 17

// appendDate writes s to the minute; none is blank.
func appendDate(b []byte, s Stamp) []byte {
	if len(s) != len(stampForm) {
		return appendSpaces(b, dateWidth)
	}
	month := 3 * (10*int(s[4]-'0') + int(s[5]-'0') - 1)
	b = append(append(b, s[6:8]...), '-')
	b = append(append(b, months[month:month+3]...), '-')
	b = append(append(b, s[:4]...), ' ')
	return append(append(append(b, s[9:11]...), ':'), s[11:13]...)
}

func appendSpaces(b []byte, n int) []byte {
	for ; n > 0; n-- {
		b = append(b, ' ')
	}
	return b
}

// appendCount writes "1 file", "2 files", "1,234 files".
func appendCount(b []byte, n int, noun string) []byte {
	b = appendGrouped(b, n)
	b = append(append(b, ' '), noun...)
	if n != 1 {
		b = append(b, 's')
	}
	return b
}

func appendGrouped(b []byte, n int) []byte {
	digits := strconv.Itoa(n)
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b = append(b, ',')
		}
		b = append(b, digits[i])
	}
	return b
}
