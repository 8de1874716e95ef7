// Package reposync reads a remote at one moment, then hands its content on,
// verified. (The folder is sync; import it as reposync, so that sync.Mutex
// stays the standard library's.)
//
// Read takes the metadata and says what the state is; Fetch opens content of
// that state for a Sink. All that comes from outside is hostile: every read is
// limited, every path goes through layout.CleanPath, every size and digest is
// checked before the last byte is handed on.
package reposync
