package layout

// appendSnippets writes what clients write down.
func appendSnippets(b []byte, snippets []Snippet) []byte {
	for _, s := range snippets {
		b = append(b, "<h3>"...)
		b = appendText(b, s.Title)
		if s.File != "" {
			b = append(b, ", in <code>"...)
			b = appendText(b, s.File)
			b = append(b, "</code>"...)
		}
		b = append(b, "</h3>\n<pre class=\"write\">"...)
		b = appendText(b, s.Text)
		b = append(b, "</pre>\n"...)
	}
	return b
}

// appendClients is the part of a page that says what to write down to read the
// checkpoint of the source.
func appendClients(b []byte, s Source, of string) []byte {
	snippets := s.Snippets()
	if len(snippets) == 0 {
		return b
	}
	b = append(b, "<h2 id=\"clients\">What clients write down for "...)
	b = appendText(b, of)
	b = append(b, "</h2>\n"...)
	return appendSnippets(b, snippets)
}
