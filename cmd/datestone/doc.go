// Command datestone turns package repositories into a web site of checkpoints
// that never change. This is the corridor where the rooms meet: words come in,
// an exit code goes out, one file per command. Only here is anything printed,
// and nothing below sees a *cli.Context.
//
//	datestone init && datestone run && datestone serve
package main
