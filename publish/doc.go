// Package publish puts a plan into a store, in the safe order.
//
// The order is claim, content, pages, file list, record, rules, table,
// listing: a reader who is told of a checkpoint finds all of it. The record is
// the commit. It is one small object that is created or not (If-None-Match),
// the one promise that stores keep; everything after it can be done again
// from the log, by any machine.
//
// The package knows stores only by the interfaces in store.go, and neither
// remotes nor the index nor rules: content comes in as something to open.
package publish
