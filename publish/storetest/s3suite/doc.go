// Package s3suite holds a driver of S3 to what it promises, on every real
// server there is: the promises of any store, and those that only a driver of
// S3 makes, such as one attempt a call, large objects in parts, and errors
// that say what to do.
//
// A driver's tests are a function that opens its store:
//
//	var driver = s3suite.Driver{Create: "aws s3 mb s3://", Open: open}
//
//	func TestStore(t *testing.T) { s3suite.Run(t, driver) }
//	func TestBig(t *testing.T)   { s3suite.Big(t, driver) }
//
// The package is for tests only; nothing that ships imports it.
package s3suite
